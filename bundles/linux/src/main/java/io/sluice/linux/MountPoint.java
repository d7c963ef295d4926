package io.sluice.linux;

import com.sun.jna.Native;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** {@link Freezable} by the path where it is mounted. Not for several threads at once. */
public final class MountPoint implements Freezable {
  private final ControlDescriptor directory;
  private final Path path;

  private MountPoint(ControlDescriptor directory, Path path) {
    this.directory = directory;
    this.path = path;
  }

  /**
   * Opens the root directory of a mounted file system.
   *
   * @throws ErrnoException EINVAL if nothing is mounted there; EBUSY if this process has files open
   *     on it, so that a freeze could stop this process itself; else what open(2) reports
   */
  public static MountPoint open(Path path) throws ErrnoException {
    String what = "freeze of " + path;
    FileStatus status = FileStatus.of(path, what);
    try {
      // Freezing acts on a whole file system: with nothing mounted here, on the one around it.
      if (!MountTable.isMountPoint(path.toRealPath())) {
        throw new ErrnoException(Errno.EINVAL, what + ": nothing is mounted there");
      }
    } catch (IOException e) {
      throw SystemErrors.failure(e, what);
    }
    Optional<Path> own = fileOfThisProcessOn(status.fileSystem());
    if (own.isPresent()) {
      throw new ErrnoException(
          Errno.EBUSY,
          what
              + ": this process itself has "
              + own.get()
              + " open on that file system, and would stop; keep origins, stores and the agent's"
              + " files elsewhere, or take without freezing it");
    }
    return new MountPoint(ControlDescriptor.open(path, false, false), path);
  }

  /** An open or mapped file of this process on a file system, by st_dev. */
  private static Optional<Path> fileOfThisProcessOn(long fileSystem) throws ErrnoException {
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path link : open) {
        if (lies(link, fileSystem)) {
          return Optional.of(Files.readSymbolicLink(link));
        }
      }
      for (Path mapped : mappedFiles()) {
        if (lies(mapped, fileSystem)) {
          return Optional.of(mapped);
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      throw SystemErrors.failure(e, "look for this process's files on a file system to be frozen");
    }
  }

  /** From lines such as {@code 7f00-7f01 r-xp 00000000 08:02 135522 /usr/lib/libc.so.6}. */
  private static Set<Path> mappedFiles() throws IOException {
    Set<Path> files = new HashSet<>();
    for (String line :
        Files.readAllLines(Path.of("/proc/self/maps"), SystemErrors.NATIVE_CHARSET)) {
      int path = line.indexOf('/');
      if (path >= 0) {
        files.add(Path.of(line.substring(path)));
      }
    }
    return files;
  }

  private static boolean lies(Path file, long fileSystem) {
    try {
      FileStatus status = FileStatus.of(file, "stat " + file);
      return status.fileSystem() == fileSystem && !status.directory();
    } catch (ErrnoException e) {
      return false; // closed or deleted meanwhile
    }
  }

  @Override
  public void freeze() throws ErrnoException {
    call(Libc.ioctl(directory.number(), Libc.FIFREEZE, 0L), "freeze");
  }

  @Override
  public void thaw() throws ErrnoException {
    call(Libc.ioctl(directory.number(), Libc.FITHAW, 0L), "thaw");
  }

  @Override
  public void sync() throws ErrnoException {
    call(Libc.syncfs(directory.number()), "sync");
  }

  private void call(int result, String verb) throws ErrnoException {
    if (result != 0) {
      throw SystemErrors.failure(Native.getLastError(), verb + " of " + path);
    }
  }

  @Override
  public void close() {
    try {
      directory.close();
    } catch (ErrnoException e) {
      return; // open for reading alone: nothing is lost
    }
  }
}
