package io.sluice.linux;

import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * What stat(2) says of a path, links followed.
 *
 * @param fileSystem st_dev
 * @param inode st_ino
 * @param device st_rdev
 * @param mode st_mode
 */
public record FileStatus(long fileSystem, long inode, long device, int mode) {
  private static final int S_IFMT = 0170000;

  /**
   * Asks.
   *
   * @param what the operation it is for, in front of a failure's text
   * @throws ErrnoException ENOENT, EACCES, ENOTDIR and what else stat reports
   */
  public static FileStatus of(Path path, String what) throws ErrnoException {
    try {
      Map<String, Object> found = Files.readAttributes(path, "unix:dev,ino,rdev,mode");
      return new FileStatus(
          (long) found.get("dev"),
          (long) found.get("ino"),
          (long) found.get("rdev"),
          (int) found.get("mode"));
    } catch (IOException e) {
      throw SystemErrors.failure(e, what);
    }
  }

  /** Whether it is a regular file. */
  public boolean regular() {
    return (mode & S_IFMT) == 0100000;
  }

  /** Whether it is a block special file. */
  public boolean block() {
    return (mode & S_IFMT) == 0060000;
  }

  /** Whether it is a directory. */
  public boolean directory() {
    return (mode & S_IFMT) == 0040000;
  }

  /** What it is, for people: {@code "a directory"}. */
  public String kind() {
    return switch (mode & S_IFMT) {
      case 0100000 -> "a regular file";
      case 0060000 -> "a block special file";
      case 0040000 -> "a directory";
      case 0020000 -> "a character special file";
      case 0010000 -> "a named pipe";
      case 0140000 -> "a socket";
      default -> "a file of an unknown kind";
    };
  }

  /** The bytes it leads to. Of use for regular and block special files only. */
  public StorageIdentity identity() {
    return block()
        ? new StorageIdentity(true, 0, device)
        : new StorageIdentity(false, fileSystem, inode);
  }

  /** The device that the file's file system is on, as far as its number tells. */
  public StorageIdentity fileSystemDevice() {
    return new StorageIdentity(true, 0, fileSystem);
  }
}
