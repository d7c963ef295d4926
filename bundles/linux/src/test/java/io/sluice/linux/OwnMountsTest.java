package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.Programs;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnMountsTest {
  private static final List<String> LINES =
      List.of(
          "36 1 253:0 / / rw - ext4 /dev/vda rw",
          "37 36 0:40 / /run/sluice/fuse rw - fuse.sluice sluice:/run/sluice rw,user_id=0",
          "38 36 0:41 / /run/other/fuse rw - fuse.sluice sluice:/run/other rw,user_id=0",
          "39 36 0:42 / /net rw - fuse.sshfs sluice:/run/sluice rw");

  private static Optional<Path> served(String file) {
    return new OwnMounts("/run/sluice").servedBelow(Path.of(file), LINES, 0);
  }

  @Test
  void onTheMountItself() {
    Path file = Path.of("/run/sluice/fuse/dev/disk");
    assertEquals(Optional.of(file), served(file.toString()));
    assertEquals(Optional.empty(), served("/run/other/fuse/dev/disk"));
    assertEquals(Optional.empty(), served("/net/file"));
    assertEquals(Optional.empty(), served("/home/disk.img"));
  }

  /** A file system over a loop device over a file: of the mount that the file lies on. */
  @Test
  void throughAFileSystemAndALoopDevice(@TempDir Path directory) throws Exception {
    Path real = directory.toRealPath();
    Path file = real.resolve("disk");
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(16 << 20);
    }
    try (LoopDevice loop = LoopDevice.over(file);
        SmallFileSystem mounted = SmallFileSystem.ext4(real, loop)) {
      String device = Programs.succeed("stat", "-c", "%Hd:%Ld", mounted.path().toString());
      List<String> lines =
          List.of(
              "37 36 0:40 / " + real + " rw - fuse.sluice sluice:/run/sluice rw",
              "38 37 " + device + " / " + mounted.path() + " rw - ext4 " + loop.path() + " rw");
      OwnMounts own = new OwnMounts("/run/sluice");
      Path stored = mounted.path().resolve("store");
      assertEquals(Optional.of(file), own.servedBelow(stored, lines, 0));
      assertEquals(Optional.empty(), new OwnMounts("/run/other").servedBelow(stored, lines, 0));
      // By the machine's own table it is served by nobody here.
      Files.createFile(stored);
      own.check(stored, FileStatus.of(stored, "stat"), "store");
    }
  }

  @Test
  void theRefusalSaysWhere() {
    OwnMounts own = new OwnMounts("/run/sluice");
    FileStatus regular = new FileStatus(40, 2, 0, 0100600);
    ErrnoException refused =
        assertThrows(
            ErrnoException.class,
            () -> own.check(Path.of("/run/sluice/fuse/dev/disk"), regular, LINES, "store"));
    assertEquals(Errno.EINVAL, refused.errno());
    assertTrue(
        refused.getMessage().contains("store: it lies on /run/sluice/fuse/dev/disk, which this"),
        refused.getMessage());
  }
}
