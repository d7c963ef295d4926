package io.sluice.origin.file;

import static io.sluice.origin.file.OriginFixture.bytes;
import static io.sluice.origin.file.OriginFixture.direct;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A regular file through the page cache. */
class FileOriginTest {
  private static final int MIB = 1 << 20;

  @TempDir Path directory;
  private Path file;
  private byte[] content;

  @BeforeEach
  void makeFile() throws IOException {
    content = bytes(MIB + 7, 1);
    file = Files.write(directory.resolve("disk.img"), content);
  }

  private OriginFixture open() throws ErrnoException {
    return new OriginFixture(file, OriginOptions.DEFAULT);
  }

  private void setLength(long bytes) throws IOException {
    try (RandomAccessFile other = new RandomAccessFile(file.toFile(), "rw")) {
      other.setLength(bytes);
    }
  }

  @Test
  void servesAnyLengthToItsLastByte() throws IOException {
    try (OriginFixture f = open()) {
      DeviceGeometry geometry = f.origin.geometry();
      assertEquals(MIB + 7, geometry.sizeBytes());
      assertEquals(1, geometry.blockSizeBytes());
      assertTrue(geometry.preferredSizeBytes() >= 4096);
      assertFalse(geometry.readOnly());
      assertEquals(EnumSet.allOf(BioOp.class), geometry.ops());
      assertArrayEquals(content, f.read(0, MIB + 7));
      f.write(MIB + 4, direct(new byte[] {1, 2, 3}), 0);
      content[MIB + 4] = 1;
      content[MIB + 5] = 2;
      content[MIB + 6] = 3;
      assertArrayEquals(Arrays.copyOfRange(content, MIB, MIB + 7), f.read(MIB, 7));
      assertFalse(f.origin.mayBlock());
      assertEquals(file.toString(), f.origin.path());
      long inode = (long) Files.getAttribute(file, "unix:ino");
      long device = (long) Files.getAttribute(file, "unix:dev");
      assertEquals(new StorageIdentity(false, device, inode), f.origin.identity());
    }
    assertArrayEquals(content, Files.readAllBytes(file));
  }

  @Test
  void completedBioLeavesPositionAtLimitOfHeapBuffersToo() throws IOException {
    try (OriginFixture f = open()) {
      ByteBuffer heap = ByteBuffer.allocate(MIB + 10).position(2).limit(MIB + 2);
      f.origin.submit(new Bio().read(5, heap));
      assertEquals(MIB + 2, heap.position());
      assertEquals(MIB + 2, heap.limit());
      assertArrayEquals(
          Arrays.copyOfRange(content, 5, MIB + 5), Arrays.copyOfRange(heap.array(), 2, MIB + 2));
      ByteBuffer all = ByteBuffer.wrap(bytes(MIB, 2)).asReadOnlyBuffer();
      f.write(0, all, 0);
      assertFalse(all.hasRemaining());
      assertArrayEquals(bytes(MIB, 2), f.read(0, MIB));
    }
  }

  @Test
  void rangesOutsideAreRefusedAndTouchNothing() throws IOException {
    try (OriginFixture f = open()) {
      ByteBuffer eight = ByteBuffer.allocateDirect(8);
      ErrnoException e = f.refused(new Bio().read(MIB, eight));
      assertEquals(Errno.EINVAL, e.errno());
      assertTrue(e.getMessage().contains("end of the device at 1048583 bytes"), e.getMessage());
      assertEquals(Errno.ENOSPC, f.refused(new Bio().write(MIB, eight, 0)).errno());
      assertEquals(Errno.ENOSPC, f.refused(new Bio().writeZeroes(MIB, 8, 0)).errno());
      assertEquals(Errno.EINVAL, f.refused(new Bio().discard(MIB, 8, 0)).errno());
      assertEquals(Errno.EINVAL, f.refused(new Bio().read(-1, eight)).errno());
      assertEquals(Errno.EINVAL, f.refused(new Bio().discard(Long.MAX_VALUE, 2, 0)).errno());
      Bio bio = new Bio().read(0, eight);
      eight.position(3);
      e = f.refused(bio);
      assertEquals(Errno.EINVAL, e.errno());
      assertTrue(e.getMessage().contains("5 bytes remaining"), e.getMessage());
    }
    assertArrayEquals(content, Files.readAllBytes(file));
  }

  @Test
  void readOnlyOriginRefusesChangesAndServesTheRest() throws IOException {
    try (OriginFixture f = new OriginFixture(file, OriginFixture.READ_ONLY)) {
      assertTrue(f.origin.geometry().readOnly());
      assertEquals(Set.of(BioOp.READ, BioOp.FLUSH), f.origin.geometry().ops());
      assertEquals(Errno.EPERM, f.refused(new Bio().write(0, direct(new byte[1]), 0)).errno());
      assertEquals(Errno.EPERM, f.refused(new Bio().discard(0, 1, 0)).errno());
      assertEquals(Errno.EPERM, f.refused(new Bio().writeZeroes(0, 1, 0)).errno());
      f.origin.submit(new Bio().flush());
      assertArrayEquals(content, f.read(0, MIB + 7));
    }
  }

  @Test
  void closedOriginAnswersEshutdown() throws IOException {
    OriginFixture f = open();
    f.close();
    f.close();
    assertEquals(Errno.ESHUTDOWN, f.refused(new Bio().flush()).errno());
    assertEquals(
        Errno.ESHUTDOWN, f.refused(new Bio().read(0, ByteBuffer.allocateDirect(1))).errno());
    assertEquals(MIB + 7, f.origin.geometry().sizeBytes());
    f.letSizeAge();
    assertEquals(MIB + 7, f.origin.geometry().sizeBytes(), "the last known");
  }

  @Test
  void flushAndFuaSucceedOnEveryOperationThatMayHaveThem() throws IOException {
    try (OriginFixture f = open()) {
      f.write(0, direct(bytes(4096, 3)), Bio.FUA);
      f.origin.submit(new Bio().writeZeroes(4096, 4096, Bio.FUA));
      f.origin.submit(new Bio().discard(8192, 4096, Bio.FUA));
      f.origin.submit(new Bio().flush());
      assertArrayEquals(bytes(4096, 3), f.read(0, 4096));
      assertArrayEquals(new byte[4096], f.read(4096, 4096));
    }
  }

  @Test
  void discardGivesSpaceBack() throws IOException {
    long before = Programs.allocatedBytes(file);
    try (OriginFixture f = open()) {
      f.origin.submit(new Bio().discard(MIB / 4, MIB / 2, 0));
      assertEquals(before - MIB / 2, Programs.allocatedBytes(file));
      assertArrayEquals(Arrays.copyOf(content, MIB / 4), f.read(0, MIB / 4));
      f.origin.submit(new Bio().discard(5, 0, 0));
    }
    assertEquals(MIB + 7, Files.size(file));
  }

  @Test
  void zeroesFreeOrKeepSpaceAsAskedAndSpareTheNeighbours() throws IOException {
    long before = Programs.allocatedBytes(file);
    try (OriginFixture f = open()) {
      f.origin.submit(new Bio().writeZeroes(4097, MIB / 4, Bio.FAST_ONLY));
      Arrays.fill(content, 4097, 4097 + MIB / 4, (byte) 0);
      assertArrayEquals(content, f.read(0, MIB + 7));
      long punched = Programs.allocatedBytes(file);
      assertTrue(punched < before, punched + " of " + before + " bytes are left");
      f.origin.submit(new Bio().writeZeroes(MIB / 2 + 1, MIB / 4, Bio.NO_UNMAP));
      Arrays.fill(content, MIB / 2 + 1, MIB / 2 + 1 + MIB / 4, (byte) 0);
      assertArrayEquals(content, f.read(0, MIB + 7));
      assertEquals(punched, Programs.allocatedBytes(file), "NO_UNMAP keeps it");
      f.origin.submit(new Bio().writeZeroes(MIB, 7, 0));
      assertArrayEquals(new byte[7], f.read(MIB, 7));
    }
    assertEquals(MIB + 7, Files.size(file));
  }

  @Test
  void statusTellsHolesFromData() throws IOException {
    try (OriginFixture f = open()) {
      f.origin.submit(new Bio().discard(64 << 10, 64 << 10, 0));
      assertEquals(List.of("65536 DATA", "65536 HOLE", "917511 DATA"), f.status(0, MIB + 7));
      assertEquals(List.of("10 HOLE"), f.status((64 << 10) + 3, 10));
      assertEquals(List.of("1 DATA"), f.status(MIB + 6, 1));
      assertEquals(List.of("7 DATA"), f.status(MIB, Long.MAX_VALUE), "clipped at the end");
      setLength(2 * MIB);
      f.letSizeAge();
      long dataEnd = (MIB + 7 + 4095) / 4096 * 4096;
      assertEquals(
          List.of(dataEnd - MIB + " DATA", 2 * MIB - dataEnd + " HOLE"), f.status(MIB, MIB));
    }
  }

  @Test
  void statusStopsWhenToldAndRefusesWhatIsOutside() throws IOException {
    try (OriginFixture f = open()) {
      f.origin.submit(new Bio().discard(64 << 10, 64 << 10, 0));
      long[] told = {0, 0};
      f.origin.status(
          0,
          MIB,
          (length, state) -> {
            told[0] += length;
            told[1]++;
            return false;
          });
      assertArrayEquals(new long[] {64 << 10, 1}, told);
      for (long[] range : new long[][] {{-1, 1}, {0, 0}, {MIB + 7, 1}}) {
        ErrnoException e = assertThrows(ErrnoException.class, () -> f.status(range[0], range[1]));
        assertEquals(Errno.EINVAL, e.errno());
      }
    }
  }

  @Test
  void statusOfLargeBlocksNeverCallsDataAHole() throws IOException {
    setLength(MIB);
    try (OriginFixture f = new OriginFixture(file, new OriginOptions(false, false, 65536))) {
      try (RandomAccessFile other = new RandomAccessFile(file.toFile(), "rw")) {
        other.setLength(0);
        other.setLength(MIB);
        other.seek(3 * 65536 + 8192);
        other.write(1);
      }
      assertEquals(List.of("196608 HOLE", "65536 DATA", "786432 HOLE"), f.status(0, MIB));
    }
  }

  @Test
  void truncationUnderneathIsAnErrorAndNeverZeroes() throws IOException {
    try (OriginFixture f = open()) {
      setLength(4096);
      // Not noticed yet: the read meets the end of the file.
      ErrnoException e = f.refused(new Bio().read(2048, ByteBuffer.allocateDirect(4096)));
      assertEquals(Errno.EIO, e.errno());
      assertTrue(e.getMessage().contains("truncated underneath"), e.getMessage());
      assertEquals(List.of("4096 DATA", "1044487 DATA"), unmerged(f), "no hole past the end");
      f.letSizeAge();
      assertEquals(4096, f.origin.geometry().sizeBytes());
      e = f.refused(new Bio().read(2048, ByteBuffer.allocateDirect(4096)));
      assertEquals(Errno.EIO, e.errno());
      assertTrue(e.getMessage().contains("truncated underneath from 1048583"), e.getMessage());
      e = f.refused(new Bio().write(2048, ByteBuffer.allocateDirect(4096), 0));
      assertEquals(Errno.EIO, e.errno());
      assertEquals(4096, Files.size(file), "a write must not make the file look whole again");
      assertArrayEquals(Arrays.copyOf(content, 4096), f.read(0, 4096));
    }
  }

  private static List<String> unmerged(OriginFixture f) throws ErrnoException {
    List<String> extents = new ArrayList<>();
    f.origin.status(
        0, MIB + 7, (length, state) -> extents.add(length + (state == 0 ? " DATA" : " HOLE")));
    return extents;
  }

  @Test
  void growthUnderneathIsSeenAtOnceByWhoeverNeedsIt() throws IOException {
    try (OriginFixture f = open()) {
      setLength(2 * MIB);
      assertEquals(MIB + 7, f.origin.geometry().sizeBytes(), "not asked again so soon");
      assertArrayEquals(new byte[8], f.read(MIB + 7, 8));
      assertEquals(2 * MIB, f.origin.geometry().sizeBytes());
    }
  }

  @Test
  void presentedBlockSizeIsEnforced() throws IOException {
    setLength(MIB);
    try (OriginFixture f = new OriginFixture(file, new OriginOptions(false, false, 4096))) {
      assertEquals(4096, f.origin.geometry().blockSizeBytes());
      ErrnoException e = f.refused(new Bio().read(512, ByteBuffer.allocateDirect(512)));
      assertEquals(Errno.EINVAL, e.errno());
      setLength(MIB + 4097);
      f.letSizeAge();
      assertEquals(MIB + 4096, f.origin.geometry().sizeBytes(), "whole blocks only");
    }
  }

  @Test
  void requestsAllocateNothing() throws IOException {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long self = Thread.currentThread().getId();
    try (OriginFixture f = open()) {
      ByteBuffer data = ByteBuffer.allocateDirect(4096);
      Bio bio = new Bio();
      long before = 0;
      int warmupCount = 500;
      int count = 500;
      for (int i = 0; i < warmupCount + count; i++) {
        if (i == warmupCount) {
          before = threads.getThreadAllocatedBytes(self);
        }
        f.origin.submit(bio.read(i, data.clear()));
        f.origin.submit(bio.write(i, data.clear(), 0));
        f.origin.submit(bio.flush());
        f.origin.submit(bio.discard(i, 1, 0));
        f.origin.submit(bio.writeZeroes(i, 1, 0));
      }
      long each = (threads.getThreadAllocatedBytes(self) - before) / count;
      assertTrue(each < 16, each + " bytes for each round of five bios");
    }
  }

  @Test
  void fileSystemWithoutHolesTakesDiscardsAsHintsAndHasZeroesWritten() throws IOException {
    try (SmallFileSystem simple = SmallFileSystem.ramfs(directory)) {
      Path there = Files.write(simple.path().resolve("f"), content);
      try (OriginFixture f = new OriginFixture(there, OriginOptions.DEFAULT)) {
        f.origin.submit(new Bio().discard(0, 4096, 0));
        Bio fast = new Bio().writeZeroes(0, 4096, Bio.FAST_ONLY);
        assertEquals(Errno.ENOTSUP, f.refused(fast).errno());
        assertArrayEquals(content, f.read(0, MIB + 7));
        f.origin.submit(new Bio().writeZeroes(5, MIB - 8, 0));
        Arrays.fill(content, 5, MIB - 3, (byte) 0);
        assertArrayEquals(content, f.read(0, MIB + 7));
        assertEquals(List.of(MIB + 7 + " DATA"), f.status(0, MIB + 7));
      }
    }
  }

  @Test
  void fullFileSystemIsEnospcWithTheRangeThatDidNotFit() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, 64 << 10)) {
      Path sparse = small.path().resolve("f");
      Programs.succeed("truncate", "-s", "1M", sparse.toString());
      try (OriginFixture f = new OriginFixture(sparse, OriginOptions.DEFAULT)) {
        ErrnoException e = f.refused(new Bio().write(0, direct(bytes(MIB, 5)), 0));
        assertEquals(Errno.ENOSPC, e.errno());
        assertTrue(e.text().startsWith("write of 1048576 bytes at 0 of " + sparse), e.text());
      }
    }
  }
}
