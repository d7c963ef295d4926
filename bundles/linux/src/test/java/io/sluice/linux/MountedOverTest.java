package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountedOverTest {
  @TempDir Path directory;

  private Path file(String name) throws Exception {
    Path file = directory.toRealPath().resolve(name);
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(16 << 20);
    }
    return file;
  }

  @Test
  void whatIsMountedThroughALoopDevice() throws Exception {
    Path file = file("disk");
    Path other = file("other");
    try (LoopDevice loop = LoopDevice.over(file);
        LoopDevice unmounted = LoopDevice.over(other);
        SmallFileSystem mounted = SmallFileSystem.ext4(directory.toRealPath(), loop)) {
      assertEquals(List.of(List.of(mounted.path())), MountedOver.of(List.of(file, other)));
      assertEquals(List.of(), MountedOver.of(List.of(other)), unmounted.path().toString());
      assertEquals(List.of(), MountedOver.of(List.of()));
    }
  }

  @Test
  void mountPointsByDevice() {
    assertEquals(
        Map.of(
            BlockSysfs.device(7, 3), List.of(Path.of("/a"), Path.of("/b c")),
            BlockSysfs.device(259, 1048575), List.of(Path.of("/"))),
        MountTable.byDevice(
            List.of(
                "36 35 7:3 / /a rw - ext4 /dev/loop3 rw",
                "37 35 7:3 /sub /b\\040c rw shared:1 - ext4 /dev/loop3 rw",
                "38 35 0:32 / /run rw - tmpfs tmpfs rw",
                "39 35 0:33 / /gone rw - btrfs /dev/no-such-device rw",
                "40 1 259:1048575 / / rw - xfs /dev/nvme0n1p9 rw",
                "cut off")));
  }

  @Test
  void aServedFileIsNotLookedAt() throws Exception {
    Path run = Files.createDirectory(directory.toRealPath().resolve("run"));
    Files.createSymbolicLink(run.resolve("dev"), Path.of("fuse", "dev"));
    Path link = Files.createSymbolicLink(directory.resolve("link"), run);
    assertEquals(run.resolve("fuse/dev/disk"), MountedOver.kernelPath(link.resolve("dev/disk")));
    assertEquals(run.resolve("images/a"), MountedOver.kernelPath(link.resolve("images/a")));
    assertEquals(Path.of("/disk"), MountedOver.kernelPath(Path.of("/disk")));
  }
}
