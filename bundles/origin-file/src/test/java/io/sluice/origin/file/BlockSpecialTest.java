package io.sluice.origin.file;

import static io.sluice.origin.file.OriginFixture.bytes;
import static io.sluice.origin.file.OriginFixture.direct;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A block special file, by a loop device. */
class BlockSpecialTest {
  private static final int MIB = 1 << 20;

  @TempDir Path directory;
  private Path backing;
  private byte[] content;

  @BeforeEach
  void makeBacking() throws IOException {
    content = bytes(MIB, 1);
    backing = Files.write(directory.resolve("backing"), content);
  }

  @Test
  void hasTheDevicesSizeSectorsAndNumber() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing);
        OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
      assertEquals(MIB, f.origin.geometry().sizeBytes());
      assertEquals(512, f.origin.geometry().blockSizeBytes());
      assertTrue(f.origin.mayBlock());
      long number = (long) Files.getAttribute(loop.path(), "unix:rdev");
      assertEquals(new StorageIdentity(true, 0, number), f.origin.identity());
      assertArrayEquals(content, f.read(0, MIB));
      assertEquals(List.of(MIB + " DATA"), f.status(0, MIB));
      ErrnoException e = f.refused(new Bio().read(256, ByteBuffer.allocateDirect(512)));
      assertEquals(Errno.EINVAL, e.errno());
    }
  }

  @Test
  void largeSectorsAreItsBlockSize() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing, "--sector-size", "4096");
        OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
      assertEquals(4096, f.origin.geometry().blockSizeBytes());
      ErrnoException e =
          assertThrows(
              ErrnoException.class,
              () ->
                  new FileOriginProvider((delayNanos, task) -> {})
                      .open(loop.path().toString(), new OriginOptions(false, false, 512)));
      assertEquals(Errno.EBUSY, e.errno(), "held");
    }
  }

  @Test
  void blockSizeBelowTheSectorIsRefused() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing, "--sector-size", "4096")) {
      ErrnoException e =
          assertThrows(
              ErrnoException.class,
              () -> new OriginFixture(loop.path(), new OriginOptions(false, false, 512)));
      assertTrue(e.text().contains("below the 4096 of the device's sectors"), e.getMessage());
    }
  }

  @Test
  void isHeldAgainstASecondOpenAndAMount() throws IOException {
    Programs.assume("mkfs.ext4");
    try (LoopDevice loop = LoopDevice.over(backing)) {
      Programs.succeed("mkfs.ext4", "-q", "-F", loop.path().toString());
      Path mount = Files.createDirectory(directory.resolve("m"));
      String[] command = {"mount", loop.path().toString(), mount.toString()};
      try (OriginFixture f = new OriginFixture(loop.path(), OriginFixture.READ_ONLY)) {
        ErrnoException e =
            assertThrows(
                ErrnoException.class,
                () -> f.provider.open(loop.path().toString(), OriginOptions.DEFAULT));
        assertEquals(Errno.EBUSY, e.errno());
        assertTrue(Programs.run(command).exit() != 0, "a claimed device can't be mounted");
      }
      Programs.Result mounted = Programs.run(command);
      assertEquals(0, mounted.exit(), mounted.output());
      ErrnoException e =
          assertThrows(
              ErrnoException.class, () -> new OriginFixture(loop.path(), OriginOptions.DEFAULT));
      Programs.succeed("umount", mount.toString());
      assertEquals(Errno.EBUSY, e.errno());
      assertTrue(e.text().contains("it is mounted or claimed by another"), e.getMessage());
    }
  }

  @Test
  void writesDiscardsAndZeroesReachTheDevice() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing);
        OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
      long before = Programs.allocatedBytes(backing);
      f.write(512, direct(bytes(1024, 2)), Bio.FUA);
      System.arraycopy(bytes(1024, 2), 0, content, 512, 1024);
      f.origin.submit(new Bio().writeZeroes(MIB / 4, MIB / 4, 0));
      Arrays.fill(content, MIB / 4, MIB / 2, (byte) 0);
      f.origin.submit(new Bio().writeZeroes(4096 + 512, 512, Bio.NO_UNMAP));
      Arrays.fill(content, 4096 + 512, 4096 + 1024, (byte) 0);
      f.origin.submit(new Bio().flush());
      assertArrayEquals(content, f.read(0, MIB));
      assertEquals(before - MIB / 4, Programs.allocatedBytes(backing));
      f.origin.submit(new Bio().discard(MIB / 2, MIB / 4, Bio.FUA));
      assertEquals(before - MIB / 2, Programs.allocatedBytes(backing));
      assertArrayEquals(Arrays.copyOf(content, MIB / 2), f.read(0, MIB / 2));
      ErrnoException e = f.refused(new Bio().writeZeroes(0, 512, Bio.NO_UNMAP | Bio.FAST_ONLY));
      assertEquals(Errno.ENOTSUP, e.errno());
    }
  }

  @Test
  void deviceWithoutDiscardStillTakesTheHintAndZeroes() throws IOException {
    // A file system without fallocate below the loop device: so that offers neither call.
    try (SmallFileSystem simple = SmallFileSystem.ramfs(directory)) {
      Path inner = Files.write(simple.path().resolve("inner"), content);
      try (LoopDevice loop = LoopDevice.over(inner);
          OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
        f.origin.submit(new Bio().discard(0, 4096, 0));
        assertArrayEquals(content, f.read(0, MIB));
        Bio fast = new Bio().writeZeroes(0, 4096, Bio.FAST_ONLY);
        assertEquals(Errno.ENOTSUP, f.refused(fast).errno());
        assertArrayEquals(content, f.read(0, MIB), "untouched");
        f.origin.submit(new Bio().writeZeroes(0, 4096, 0));
        assertArrayEquals(new byte[4096], f.read(0, 4096));
      }
    }
  }

  @Test
  void growsWithTheDevice() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing);
        OriginFixture f = new OriginFixture(loop.path(), OriginOptions.DEFAULT)) {
      Programs.succeed("truncate", "-s", "2M", backing.toString());
      Programs.succeed("losetup", "--set-capacity", loop.path().toString());
      assertArrayEquals(new byte[512], f.read(MIB, 512));
      assertEquals(2 * MIB, f.origin.geometry().sizeBytes());
    }
  }

  @Test
  void servesDirectIo() throws IOException {
    try (LoopDevice loop = LoopDevice.over(backing);
        OriginFixture f = new OriginFixture(loop.path(), OriginFixture.DIRECT)) {
      int block = f.origin.geometry().blockSizeBytes();
      f.write(block, direct(bytes(2 * block, 4)), Bio.FUA);
      System.arraycopy(bytes(2 * block, 4), 0, content, block, 2 * block);
      assertArrayEquals(content, f.read(0, MIB));
    }
  }
}
