package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlDescriptorTest {
  private static final int MIB = 1 << 20;

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void makeFile() throws IOException {
    file = Files.write(directory.resolve("f\u00fcr"), new byte[MIB]);
  }

  private ControlDescriptor open() throws ErrnoException {
    return ControlDescriptor.open(file, true, false);
  }

  @Test
  void opensByBytesOfTheNameAndTellsWhatItIs() throws IOException {
    try (ControlDescriptor control = open()) {
      assertTrue(control.status().regular());
      assertEquals(FileStatus.of(file, "stat"), control.status());
      assertEquals(MIB, control.sizeBytes());
      Files.delete(file);
      assertEquals(MIB, Files.size(control.path()), "the path outlives the name");
    }
  }

  @Test
  void aDuplicateKeepsTheLockWhenTheFirstIsClosed() throws IOException {
    ControlDescriptor first = open();
    assertTrue(first.lockExclusive());
    ControlDescriptor second = ControlDescriptor.duplicate(first.number(), "second");
    first.close();
    assertFalse(first.isOpen());
    assertTrue(second.isOpen());
    assertEquals(MIB, second.sizeBytes());
    try (ControlDescriptor other = open()) {
      assertFalse(other.lockExclusive(), "the lock is the open file description's");
      second.close();
      assertTrue(other.lockExclusive());
    }
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> ControlDescriptor.duplicate(-1, "none"));
    assertTrue(e.getMessage().contains("duplicate descriptor of none"), e.getMessage());
  }

  @Test
  void aFileInMemoryIsItsOwnersAndIsNotCutShort() throws IOException {
    try (ControlDescriptor memory = ControlDescriptor.createInMemory("test")) {
      assertTrue(memory.reserve(0, MIB));
      assertEquals(MIB, memory.sizeBytes());
      assertEquals(0100600, memory.status().mode());
      ErrnoException e = assertThrows(ErrnoException.class, () -> memory.truncate(0));
      assertEquals(Errno.EPERM, e.errno());
      assertTrue(memory.punchHole(0, MIB));
      assertEquals(MIB, memory.sizeBytes());
    }
  }

  @Test
  void missingFileIsNamedWithItsErrno() {
    ErrnoException e =
        assertThrows(
            ErrnoException.class,
            () -> ControlDescriptor.open(directory.resolve("none"), false, false));
    assertEquals(Errno.ENOENT, e.errno());
    assertTrue(e.getMessage().startsWith("ENOENT: open " + directory), e.getMessage());
  }

  @Test
  void callsAfterCloseAreRefused() throws IOException {
    ControlDescriptor control = open();
    control.close();
    control.close();
    ErrnoException e = assertThrows(ErrnoException.class, control::sizeBytes);
    assertEquals(Errno.ESHUTDOWN, e.errno());
    assertEquals(Errno.ESHUTDOWN, assertThrows(ErrnoException.class, control::sync).errno());
  }

  @Test
  void exclusiveLockKeepsOutThisProcessToo() throws IOException {
    try (ControlDescriptor second = open()) {
      try (ControlDescriptor first = open()) {
        assertTrue(first.lockExclusive());
        assertFalse(second.lockExclusive());
        assertFalse(second.lockShared());
      }
      assertTrue(second.lockExclusive());
    }
  }

  @Test
  void lockOutlivesOtherDescriptorsOfTheFile() throws IOException {
    try (ControlDescriptor first = open();
        ControlDescriptor second = open()) {
      assertTrue(first.lockExclusive());
      // What drops every POSIX lock of the process on the file.
      FileChannel.open(file, StandardOpenOption.WRITE).close();
      assertFalse(second.lockExclusive());
    }
  }

  @Test
  void sharedLocksStandBesideEachOtherButNotBesideAWriter() throws IOException {
    try (ControlDescriptor first = open();
        ControlDescriptor second = open()) {
      assertTrue(first.lockShared());
      assertTrue(second.lockShared());
      try (ControlDescriptor writer = open()) {
        assertFalse(writer.lockExclusive());
      }
    }
  }

  private Programs.Result qemuIo(String command, String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of("qemu-io", "-f", "raw", "-c", command));
    words.addAll(List.of(options));
    words.add(file.toString());
    return Programs.run(words.toArray(String[]::new));
  }

  private static void assertRefused(Programs.Result result) {
    assertEquals(1, result.exit(), result.output());
    assertTrue(result.output().contains("lock"), result.output());
  }

  @Test
  void qemuIsRefusedAnExclusivelyLockedFile() throws IOException {
    Programs.assume("qemu-io");
    try (ControlDescriptor control = open()) {
      assertTrue(control.lockExclusive());
      assertRefused(qemuIo("read 0 512", "-r"));
      assertRefused(qemuIo("write 0 512"));
    }
    assertEquals(0, qemuIo("write 0 512").exit());
  }

  @Test
  void qemuMayReadButNotWriteAFileLockedForReading() throws IOException {
    Programs.assume("qemu-io");
    try (ControlDescriptor control = open()) {
      assertTrue(control.lockShared());
      assertEquals(0, qemuIo("read 0 512", "-r").exit());
      assertRefused(qemuIo("write 0 512"));
    }
  }

  @Test
  void qemuThatWritesKeepsBothLocksOut() throws IOException {
    Programs.assume("qemu-io");
    try (ControlDescriptor control = open()) {
      Process writer = startQemuIo("-f", "raw", file.toString());
      try {
        assertFalse(control.lockShared());
        assertFalse(control.lockExclusive());
      } finally {
        end(writer);
      }
      assertTrue(control.lockShared());
    }
  }

  @Test
  void qemuThatReadsKeepsOutWritersOnly() throws IOException {
    Programs.assume("qemu-io");
    try (ControlDescriptor control = open()) {
      Process reader = startQemuIo("-r", "-f", "raw", file.toString());
      try {
        assertTrue(control.lockShared());
        try (ControlDescriptor other = open()) {
          assertFalse(other.lockExclusive());
        }
      } finally {
        end(reader);
      }
    }
  }

  /** Starts qemu-io and waits for its answer, by when it has opened and locked the file. */
  private static Process startQemuIo(String... arguments) throws IOException {
    String[] command = new String[arguments.length + 1];
    command[0] = "qemu-io";
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().write("length\n".getBytes(SystemErrors.NATIVE_CHARSET));
    process.getOutputStream().flush();
    String line = process.inputReader().readLine();
    assertTrue(line != null && line.contains("1 MiB"), line);
    return process;
  }

  private static void end(Process process) throws IOException {
    process.getOutputStream().close();
    process.onExit().join();
  }

  @Test
  void holesArePunchedAndFound() throws IOException {
    try (ControlDescriptor control = open()) {
      assertTrue(control.punchHole(MIB / 4, MIB / 2));
      assertEquals(0, control.nextDataBytes(0));
      assertEquals(MIB / 4, control.nextHoleBytes(0));
      assertEquals(MIB * 3 / 4, control.nextDataBytes(MIB / 4));
      assertEquals(MIB, control.nextHoleBytes(MIB * 3 / 4));
      assertEquals(-1, control.nextDataBytes(MIB), "nothing but the end");
      assertEquals(MIB / 2, Programs.allocatedBytes(file));
      assertEquals(MIB, control.sizeBytes());
    }
  }

  @Test
  void reservedSpaceLengthensTheFile() throws IOException {
    try (ControlDescriptor control = open()) {
      assertTrue(control.reserve(MIB, MIB));
      assertEquals(2 * MIB, control.sizeBytes());
      assertTrue(Programs.allocatedBytes(file) >= 2 * MIB);
      control.truncate(MIB);
      assertEquals(MIB, control.sizeBytes());
    }
  }

  @Test
  void fullFileSystemIsEnospcByEitherWay() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, MIB);
        ControlDescriptor control = ControlDescriptor.create(small.path().resolve("f"));
        SteadyChannel channel = new SteadyChannel(control, "f", true, 0)) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> control.reserve(0, 2L * MIB));
      assertEquals(Errno.ENOSPC, e.errno());
      assertTrue(e.getMessage().contains("2097152 bytes at 0"), e.getMessage());
      ByteBuffer data = ByteBuffer.allocateDirect(2 * MIB);
      e = assertThrows(ErrnoException.class, () -> channel.writeFully(0, data));
      assertEquals(Errno.ENOSPC, e.errno());
    }
  }

  @Test
  void unnamedFileBelongsToItsOwnerAndVanishes() throws IOException {
    Path empty = Files.createDirectory(directory.resolve("empty"));
    try (ControlDescriptor control = ControlDescriptor.createUnnamed(empty)) {
      assertEquals(
          "rw-------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(control.path())));
      try (var names = Files.list(empty)) {
        assertEquals(0, names.count());
      }
    }
  }

  @Test
  void createdFileIsNewAndItsOwners() throws IOException {
    Path made = directory.resolve("made");
    ControlDescriptor.create(made).close();
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(made)));
    ErrnoException e = assertThrows(ErrnoException.class, () -> ControlDescriptor.create(made));
    assertEquals(Errno.EEXIST, e.errno());
  }

  @Test
  void blockDeviceIsClaimedSizedAndZeroed() throws IOException {
    try (LoopDevice loop = LoopDevice.over(file);
        ControlDescriptor control = ControlDescriptor.open(loop.path(), true, true)) {
      assertTrue(control.status().block());
      assertEquals(MIB, control.sizeBytes());
      assertEquals(512, control.logicalSectorSizeBytes());
      assertTrue(control.physicalSectorSizeBytes() >= 512);
      ErrnoException e =
          assertThrows(ErrnoException.class, () -> ControlDescriptor.open(loop.path(), true, true));
      assertEquals(Errno.EBUSY, e.errno());
      try (SteadyChannel channel = new SteadyChannel(control, "loop", true, 0)) {
        ByteBuffer data = ByteBuffer.allocateDirect(4096);
        data.put(0, (byte) 1);
        channel.writeFully(8192, data);
        assertTrue(control.zeroBlocks(8192, 512));
        channel.readFully(8192, data.clear());
        assertEquals(0, data.get(0));
      }
      e = assertThrows(ErrnoException.class, () -> control.zeroBlocks(1, 1));
      assertEquals(Errno.EINVAL, e.errno());
    }
  }

  @Test
  void regularFileHasNoBlockCalls() throws IOException {
    try (ControlDescriptor control = open()) {
      assertFalse(control.discardBlocks(0, 512));
      ErrnoException e = assertThrows(ErrnoException.class, control::logicalSectorSizeBytes);
      assertEquals(Errno.ENOTTY, e.errno());
    }
  }
}
