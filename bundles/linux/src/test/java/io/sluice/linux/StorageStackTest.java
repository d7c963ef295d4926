package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.block.StorageIdentity;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StorageStackTest {
  private static final List<String> MOUNTS =
      List.of(
          "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
          "36 22 0:32 /sub /mnt/back\\040up rw - btrfs /dev/sdb1 rw,subvol=/sub",
          "37 22 0:33 / /mnt/back rw shared:2 master:1 - tmpfs tmpfs rw",
          "38 22 8:1 / /mnt/twice rw - ext4 /dev/sda1 rw",
          "39 22 8:2 / /mnt/twice rw - ext4 /dev/sda2 rw",
          "a line of another shape");

  @TempDir Path directory;

  private static Path source(String file) {
    return MountTable.source(Path.of(file), MOUNTS);
  }

  @Test
  void mountWithTheLongestPathIsTheOne() {
    assertEquals(Path.of("/dev/vda"), source("/var/f"));
    assertEquals(Path.of("/dev/sdb1"), source("/mnt/back up/f"));
    assertNull(source("/mnt/back/f"), "tmpfs is on nothing");
    assertEquals(Path.of("/dev/sda2"), source("/mnt/twice/f"), "the later mount hides the earlier");
  }

  @Test
  void whatCanNotBeMeantIsNotAskedFor() {
    List<String> mounts = new ArrayList<>(MOUNTS);
    mounts.add("40 22 0:60 / /mnt/hung rw - fuse.nbdfuse nbdfuse rw");
    StorageIdentity onRoot = new StorageIdentity(false, BlockSysfs.device(254, 0), 12);
    assertTrue(MountTable.mayBe(Path.of("/var/f"), onRoot, mounts));
    assertFalse(MountTable.mayBe(Path.of("/mnt/hung/nbd"), onRoot, mounts));
    assertFalse(MountTable.mayBe(Path.of("/mnt/back/f"), onRoot, mounts));
    assertTrue(
        MountTable.mayBe(Path.of("/mnt/back up/f"), onRoot, mounts), "btrfs numbers files apart");
    StorageIdentity onHung = new StorageIdentity(false, BlockSysfs.device(0, 60), 1);
    assertTrue(MountTable.mayBe(Path.of("/mnt/hung/nbd"), onHung, mounts));
    StorageIdentity disk = new StorageIdentity(true, 0, BlockSysfs.device(8, 1));
    assertTrue(MountTable.mayBe(Path.of("/dev/sda1"), disk, mounts));
    assertFalse(MountTable.mayBe(Path.of("/mnt/hung/nbd"), disk, mounts));
  }

  @Test
  void deviceNumbersGoBothWays() {
    for (long[] number : new long[][] {{8, 1}, {254, 0}, {259, 300}, {0xabcde, 0x1fffff}}) {
      long device = BlockSysfs.device(number[0], number[1]);
      assertEquals(number[0], BlockSysfs.major(device));
      assertEquals(
          Path.of("/sys/dev/block/" + number[0] + ":" + number[1]), BlockSysfs.directory(device));
    }
  }

  @Test
  void fileOnALoopDeviceLeadsDownToTheBackingFilesDevice() throws IOException {
    Path image = directory.resolve("image");
    Files.createFile(image);
    Programs.succeed("truncate", "-s", "4M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image);
        SmallFileSystem mounted = SmallFileSystem.ext4(directory, loop)) {
      Path file = Files.createFile(mounted.path().resolve("f"));
      FileStatus status = FileStatus.of(file, "stat");
      FileStatus imageStatus = FileStatus.of(image, "stat");
      List<StorageIdentity> stack = StorageStack.of(file, status);
      assertEquals(
          List.of(
              status.identity(),
              FileStatus.of(loop.path(), "stat").identity(),
              imageStatus.identity(),
              new StorageIdentity(true, 0, imageStatus.fileSystem())),
          stack.subList(0, 4));
    }
  }

  @Test
  void partitionLeadsToItsDisk() throws IOException {
    Path image = Files.createFile(directory.resolve("disk"));
    Programs.succeed("truncate", "-s", "8M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image, "--partscan")) {
      Programs.assume("addpart");
      Programs.succeed("addpart", loop.path().toString(), "1", "2048", "8192");
      Path partition = Path.of(loop.path() + "p1");
      assumeTrue(Files.exists(partition), "nobody made a node for the partition");
      Path mount = Files.createDirectory(directory.resolve("partition"));
      Programs.succeed("mkfs.ext4", "-q", "-F", partition.toString());
      Programs.succeed("mount", partition.toString(), mount.toString());
      try {
        Path file = Files.createFile(mount.resolve("f"));
        FileStatus status = FileStatus.of(file, "stat");
        assertEquals(
            List.of(
                status.identity(),
                FileStatus.of(partition, "stat").identity(),
                FileStatus.of(loop.path(), "stat").identity(),
                FileStatus.of(image, "stat").identity()),
            StorageStack.of(file, status).subList(0, 4));
      } finally {
        Programs.succeed("umount", mount.toString());
        Programs.succeed("delpart", loop.path().toString(), "1");
      }
    }
  }

  /** A write to the file, or to the disk, changes what its other names show. */
  @Test
  void whatShowsTheSameBytesUnderAnotherNameIsThere() throws IOException {
    Path image = Files.createFile(directory.resolve("disk"));
    Programs.succeed("truncate", "-s", "8M", image.toString());
    try (LoopDevice loop = LoopDevice.over(image, "--partscan");
        LoopDevice onTop = LoopDevice.over(loop.path())) {
      Programs.assume("addpart");
      Programs.succeed("addpart", loop.path().toString(), "1", "2048", "8192");
      Path partition = Path.of(loop.path() + "p1");
      assumeTrue(Files.exists(partition), "nobody made a node for the partition");
      try {
        FileStatus file = FileStatus.of(image, "stat");
        FileStatus disk = FileStatus.of(loop.path(), "stat");
        Set<StorageIdentity> family =
            Set.of(
                file.identity(),
                disk.identity(),
                FileStatus.of(partition, "stat").identity(),
                FileStatus.of(onTop.path(), "stat").identity());
        assertTrue(Set.copyOf(StorageStack.of(image, file)).containsAll(family));
        List<StorageIdentity> ofDisk = StorageStack.ofDevice(disk);
        assertEquals(disk.identity(), ofDisk.get(0));
        assertTrue(Set.copyOf(ofDisk).containsAll(family));
        List<StorageIdentity> ofPartition = StorageStack.ofDevice(FileStatus.of(partition, "stat"));
        assertTrue(ofPartition.contains(disk.identity()));
        assertTrue(ofPartition.contains(file.identity()));
      } finally {
        Programs.succeed("delpart", loop.path().toString(), "1");
      }
    }
  }

  @Test
  void memoryFileSystemHasOnlyItself() throws IOException {
    try (SmallFileSystem small = SmallFileSystem.tmpfs(directory, 1 << 20)) {
      Path file = Files.createFile(small.path().resolve("f"));
      FileStatus status = FileStatus.of(file, "stat");
      assertEquals(
          List.of(status.identity(), status.fileSystemDevice()), StorageStack.of(file, status));
    }
  }
}
