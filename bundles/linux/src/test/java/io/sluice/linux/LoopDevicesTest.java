package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.testing.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoopDevicesTest {
  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void makeFile() throws IOException {
    Programs.assumeRoot();
    assumeTrue(Files.exists(Path.of("/dev/loop-control")), "there is no /dev/loop-control");
    file = Files.write(directory.resolve("a disk"), new byte[1 << 20]);
  }

  @AfterEach
  void letGo() throws ErrnoException {
    for (LoopDevices.Attached attached : LoopDevices.list()) {
      if (attached.backingFile().startsWith(directory)) {
        boolean unused = LoopDevices.detach(attached);
      }
    }
  }

  private LoopDevices.Attached find(int number) {
    return LoopDevices.list().stream()
        .filter(attached -> attached.number() == number)
        .findFirst()
        .orElseThrow();
  }

  private static String queue(int number, String what) throws IOException {
    return Files.readString(Path.of("/sys/block/loop" + number + "/" + what)).strip();
  }

  @Test
  void attachesWithTheSectorSizeAndDetaches() throws IOException {
    int number = LoopDevices.attach(file, false, 4096);
    LoopDevices.Attached attached = find(number);
    assertEquals(file, attached.backingFile());
    assertEquals(0, attached.offsetBytes());
    assertEquals(FileStatus.of(attached.path(), "stat").device(), attached.device());
    assertEquals("4096", queue(number, "queue/logical_block_size"));
    assertEquals("0", queue(number, "ro"));
    byte[] data = {1, 2, 3};
    try (var channel =
        Files.newByteChannel(attached.path(), java.nio.file.StandardOpenOption.WRITE)) {
      channel.write(java.nio.ByteBuffer.wrap(data));
    }
    assertTrue(LoopDevices.detach(attached));
    assertArrayEquals(data, java.util.Arrays.copyOf(Files.readAllBytes(file), 3));
    assertFalse(LoopDevices.isThere(attached));
    assertFalse(LoopDevices.detach(attached));
  }

  @Test
  void readOnly() throws IOException {
    int number = LoopDevices.attach(file, true, 512);
    assertEquals("1", queue(number, "ro"));
  }

  /** What kernels before 5.8 are asked. */
  @Test
  void inSteps() throws IOException {
    int number = LoopDevices.attach(file, false, 512);
    assertTrue(LoopDevices.detach(find(number)));
    try (ControlDescriptor backing = ControlDescriptor.open(file, true, false);
        ControlDescriptor device = ControlDescriptor.open(LoopDevices.path(number), true, false)) {
      long[] info = LoopDevices.info(file, 0);
      assertEquals(0, LoopDevices.configureInSteps(device, backing, info, 4096));
      assertEquals(Libc.EBUSY, LoopDevices.configureInSteps(device, backing, info, 4096));
    }
    assertEquals(file, find(number).backingFile());
    assertEquals("4096", queue(number, "queue/logical_block_size"));
  }

  @Test
  void anotherFileIsLeftAlone() throws IOException {
    LoopDevices.Attached attached = find(LoopDevices.attach(file, false, 512));
    LoopDevices.Attached other =
        new LoopDevices.Attached(
            attached.number(), attached.device(), directory.resolve("other"), 0);
    assertFalse(LoopDevices.detach(other));
    assertTrue(LoopDevices.isThere(attached));
  }

  @Test
  void aDeletedFileIsKnownByItsName() throws IOException {
    LoopDevices.Attached attached = find(LoopDevices.attach(file, false, 512));
    Files.delete(file);
    assertTrue(LoopDevices.detach(attached));
  }

  @Test
  void whoClaimsItIsSeen() throws IOException {
    int number = LoopDevices.attach(file, false, 512);
    assertFalse(LoopDevices.isClaimed(number));
    try (ControlDescriptor claim = ControlDescriptor.open(LoopDevices.path(number), true, true)) {
      assertTrue(LoopDevices.isClaimed(number), "by descriptor " + claim.number());
      // Taken off when the last lets go.
      assertTrue(LoopDevices.detach(find(number)));
      assertTrue(LoopDevices.isThere(new LoopDevices.Attached(number, 0, file, 0)));
    }
    assertFalse(LoopDevices.isThere(new LoopDevices.Attached(number, 0, file, 0)));
  }

  @Test
  void noFile() {
    ErrnoException refused =
        assertThrows(
            ErrnoException.class,
            () -> LoopDevices.attach(directory.resolve("missing"), false, 512));
    assertEquals(Errno.ENOENT, refused.errno());
  }
}
