package io.sluice.diffstore.blockdev.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.linux.FileStatus;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlockdevDiffStoreTest {
  private static final int MIB = 1 << 20;
  private static final long SEED = 815;

  @TempDir Path directory;
  private final BlockdevDiffStoreProvider provider = new BlockdevDiffStoreProvider();

  private Path image() throws IOException {
    Path image = directory.resolve("image");
    Files.write(image, new byte[8 * MIB]);
    return image;
  }

  private DiffStore open(Path path) throws ErrnoException {
    return provider.open("blockdev", path.toString());
  }

  private void refused(Errno errno, String words, Path path) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> open(path));
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.text().startsWith("store blockdev:" + path + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(words), e.getMessage());
  }

  private static ByteBuffer random(int lengthBytes) {
    byte[] bytes = new byte[lengthBytes];
    new Random(SEED).nextBytes(bytes);
    return ByteBuffer.wrap(bytes);
  }

  private static ByteBuffer read(DiffStore store, long offsetBytes, int lengthBytes)
      throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    store.read(offsetBytes, data);
    assertFalse(data.hasRemaining());
    return data.flip();
  }

  @Test
  void usesTheDeviceFromItsFirstByteToItsLast() throws IOException {
    Path image = image();
    try (LoopDevice loop = LoopDevice.over(image)) {
      try (DiffStore store = open(loop.path())) {
        assertEquals(8 * MIB, store.capacityBytes());
        assertEquals(8 * MIB, store.capacityMaxBytes());
        assertEquals("block device " + loop.path(), store.description());
        store.grow(8 * MIB);
        store.write(0, random(4096));
        store.write(8 * MIB - 4096, random(4096));
        assertEquals(random(4096), read(store, 0, 4096), "seed " + SEED);
        assertEquals(random(4096), read(store, 8 * MIB - 4096, 4096), "seed " + SEED);
        ErrnoException e = assertThrows(ErrnoException.class, () -> store.grow(8 * MIB + 512));
        assertEquals(Errno.ENOSPC, e.errno());
        assertTrue(e.getMessage().contains("ends at 8388608"), e.getMessage());
        assertThrows(ErrnoException.class, () -> store.write(8 * MIB - 1, random(2)));
      }
      byte[] bytes = Files.readAllBytes(image);
      assertEquals(random(4096), ByteBuffer.wrap(bytes, 0, 4096));
    }
  }

  @Test
  void givesReleasedSpaceBack() throws IOException {
    Path image = image();
    try (LoopDevice loop = LoopDevice.over(image);
        DiffStore store = open(loop.path())) {
      store.write(0, random(MIB));
      long beforeBytes = Programs.allocatedBytes(image);
      store.release(1000, MIB);
      assertEquals(
          beforeBytes - MIB + 4096, Programs.allocatedBytes(image), "all but the first page");
      assertEquals(random(MIB).slice(0, 4096), read(store, 0, 4096), "not a byte before it");
      store.release(0, 4095);
      store.release(0, 0);
      assertEquals(random(MIB).slice(0, 4096), read(store, 0, 4096), "less than a page");
    }
  }

  @Test
  void whoHasTheDeviceIsNamed() throws IOException {
    try (LoopDevice loop = LoopDevice.over(image())) {
      try (SmallFileSystem mounted = SmallFileSystem.ext4(directory, loop)) {
        refused(Errno.EBUSY, "mounted at " + mounted.path(), loop.path());
      }
      DiffStore first = open(loop.path());
      refused(Errno.EBUSY, "another store, origin or program", loop.path());
      first.close();
      first.close();
      open(loop.path()).close();
    }
  }

  @Test
  void partitionsCountAsTheDevice() throws IOException {
    try (LoopDevice loop = LoopDevice.over(image(), "--partscan")) {
      Programs.assume("addpart");
      Programs.succeed("addpart", loop.path().toString(), "1", "2048", "8192");
      Path partition = Path.of(loop.path() + "p1");
      assumeTrue(Files.exists(partition), "the kernel made no partition of the loop device");
      Path mount = Files.createDirectory(directory.resolve("partition"));
      try {
        Programs.succeed("mkfs.ext4", "-q", "-F", partition.toString());
        Programs.succeed("mount", partition.toString(), mount.toString());
        refused(Errno.EBUSY, "partition " + partition + " is mounted at " + mount, loop.path());
        Programs.succeed("umount", mount.toString());
        try (DiffStore store = open(partition)) {
          assertEquals(4 * MIB, store.capacityBytes());
          assertTrue(
              store.identities().contains(FileStatus.of(loop.path(), "stat").identity()),
              "what the disk shows changes too");
        }
      } finally {
        Programs.run("umount", mount.toString());
        Programs.succeed("delpart", loop.path().toString(), "1");
      }
    }
  }

  @Test
  void linksLeadToTheDevice() throws IOException {
    Path image = image();
    try (LoopDevice loop = LoopDevice.over(image)) {
      Path link = Files.createSymbolicLink(directory.resolve("link"), loop.path());
      try (DiffStore store = open(link)) {
        assertEquals("block device " + loop.path(), store.description());
        assertEquals(FileStatus.of(link, "stat").identity(), store.identities().get(0));
        assertTrue(store.identities().contains(FileStatus.of(image, "stat").identity()));
      }
    }
  }

  @Test
  void whatIsNoBlockDeviceIsRefused() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    refused(Errno.EINVAL, "file:PATH", file);
    refused(Errno.EINVAL, "dir:PATH", directory);
    refused(Errno.EINVAL, "a character special file", Path.of("/dev/null"));
    refused(Errno.ENOENT, "", directory.resolve("nothing"));
    assertThrows(ErrnoException.class, () -> provider.open("blockdev", ""));
    assertThrows(ErrnoException.class, () -> provider.open("file", file.toString()));
  }

  @Test
  void aReadOnlyDeviceIsRefused() throws IOException {
    try (LoopDevice loop = LoopDevice.over(image(), "--read-only")) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> open(loop.path()));
      assertTrue(
          e.errno() == Errno.EROFS || e.errno() == Errno.EACCES || e.errno() == Errno.EPERM,
          e.getMessage());
    }
  }

  @Test
  void theClaimStaysWhileTheStoreIsHandedOver() throws IOException {
    try (LoopDevice loop = LoopDevice.over(image())) {
      DiffStore before = open(loop.path());
      before.write(4096, random(4096));
      HandOver handOver = before.handOver();
      refused(Errno.EBUSY, "", loop.path());
      DiffStore after = new BlockdevDiffStoreProvider().takeOver(handOver);
      before.close();
      refused(Errno.EBUSY, "", loop.path());
      assertEquals(random(4096), read(after, 4096, 4096), "seed " + SEED);
      assertEquals(before.identities(), after.identities());
      after.close();
      open(loop.path()).close();
    }
  }

  @Test
  void whatDoesNotReachTheDeviceIsNeverReadInItsPlace() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, 4 * MIB)) {
      Path image = Files.createFile(small.path().resolve("image"));
      Programs.succeed("truncate", "-s", "16M", image.toString());
      try (LoopDevice loop = LoopDevice.over(image);
          DiffStore store = open(loop.path())) {
        for (int at = 0; at < 12 * MIB; at += MIB) {
          store.write(at, random(MIB)); // to the page cache
        }
        assertEquals(random(MIB), read(store, 0, MIB), "seed " + SEED);
        Programs.run("blockdev", "--flushbufs", loop.path().toString()); // fails: no room below
        for (int i = 0; i < 2; i++) {
          ErrnoException e = assertThrows(ErrnoException.class, () -> read(store, 0, 4096));
          assertEquals(Errno.EIO, e.errno(), e.getMessage());
          assertTrue(e.getMessage().contains("did not reach its storage"), e.getMessage());
        }
        assertEquals(
            Errno.EIO, assertThrows(ErrnoException.class, () -> store.write(0, random(8))).errno());
        assertThrows(ErrnoException.class, store::handOver, "a successor would not know");
      }
    }
  }
}
