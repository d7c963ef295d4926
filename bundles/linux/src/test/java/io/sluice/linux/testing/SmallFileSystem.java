package io.sluice.linux.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A mounted file system, which lasts as long as the test. */
public final class SmallFileSystem implements AutoCloseable {
  private final Path directory;

  private SmallFileSystem(Path directory) {
    this.directory = directory;
  }

  /** A file system in memory, mounted below {@code parent}; skips the test where it can't be. */
  public static SmallFileSystem tmpfs(Path parent, long sizeBytes) throws IOException {
    return mount(parent, "-t", "tmpfs", "-o", "size=" + sizeBytes, "tmpfs");
  }

  /** A file system without fallocate, mounted below {@code parent}; likewise. It is never full. */
  public static SmallFileSystem ramfs(Path parent) throws IOException {
    return mount(parent, "-t", "ramfs", "ramfs");
  }

  /** An ext4 file system on {@code device}, nothing reserved to root; likewise. */
  public static SmallFileSystem ext4(Path parent, LoopDevice device) throws IOException {
    Programs.assume("mkfs.ext4");
    Programs.succeed("mkfs.ext4", "-q", "-F", "-m", "0", device.path().toString());
    return mount(parent, "-t", "ext4", device.path().toString());
  }

  private static SmallFileSystem mount(Path parent, String... what) throws IOException {
    Programs.assumeRoot();
    Path directory = Files.createTempDirectory(parent, "mount");
    String[] command = new String[what.length + 2];
    command[0] = "mount";
    System.arraycopy(what, 0, command, 1, what.length);
    command[what.length + 1] = directory.toString();
    Programs.Result mounted = Programs.run(command);
    assumeTrue(mounted.exit() == 0, "can't mount here: " + mounted.output());
    return new SmallFileSystem(directory);
  }

  /** Where it is mounted. */
  public Path path() {
    return directory;
  }

  /** Makes it read-only. */
  public void protect() throws IOException {
    Programs.succeed("mount", "-o", "remount,ro", directory.toString());
  }

  @Override
  public void close() throws IOException {
    Programs.succeed("umount", directory.toString());
  }
}
