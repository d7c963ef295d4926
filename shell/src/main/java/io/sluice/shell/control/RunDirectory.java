package io.sluice.shell.control;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * The run directory while this agent serves it: 0700, and locked, so that what lies in it belongs
 * to this agent or to one that is dead. The lock goes with the process, however that ends.
 */
final class RunDirectory implements AutoCloseable {
  static final Set<PosixFilePermission> DIRECTORY_MODE =
      PosixFilePermissions.fromString("rwx------");
  static final Set<PosixFilePermission> FILE_MODE = PosixFilePermissions.fromString("rw-------");

  private static final String LOCK_NAME = "control.lock";

  /** The most bytes of a process id in the lock file. */
  private static final int PID_BYTES_MAX = 20;

  private final Path path;
  private final FileChannel lockFile;

  private RunDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /**
   * Makes the directory if it is missing, closes it to others, and locks it.
   *
   * @throws ErrnoException EADDRINUSE, naming the process, if another agent serves it; EPERM if
   *     others may write to it
   */
  static RunDirectory open(Path path) throws ErrnoException {
    try {
      Files.createDirectories(path, PosixFilePermissions.asFileAttribute(DIRECTORY_MODE));
      Set<PosixFilePermission> mode = Files.getPosixFilePermissions(path);
      if (mode.contains(PosixFilePermission.OTHERS_WRITE)
          || mode.contains(PosixFilePermission.GROUP_WRITE)) {
        throw new ErrnoException(
            Errno.EPERM,
            "run directory "
                + path
                + ": others may write to it ("
                + PosixFilePermissions.toString(mode)
                + "); use a directory of your own");
      }
      Files.setPosixFilePermissions(path, DIRECTORY_MODE);
      return new RunDirectory(path, lock(path));
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException(Errno.EACCES, "run directory " + path + ": " + e, e);
    }
  }

  private static FileChannel lock(Path path) throws IOException {
    FileAttribute<?> mode = PosixFilePermissions.asFileAttribute(FILE_MODE);
    FileChannel file =
        FileChannel.open(
            path.resolve(LOCK_NAME),
            Set.of(
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS),
            mode);
    try {
      if (!tryLock(file)) {
        throw new ErrnoException(
            Errno.EADDRINUSE,
            "another agent (pid "
                + readPid(file)
                + ") serves this run directory, "
                + path
                + "; stop it, or give this one a directory of its own");
      }
      file.truncate(0);
      file.write(ByteBuffer.wrap(pid().getBytes(StandardCharsets.US_ASCII)), 0);
      return file;
    } catch (IOException e) {
      file.close();
      throw e;
    }
  }

  private static boolean tryLock(FileChannel file) throws IOException {
    try {
      FileLock lock = file.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  private static String readPid(FileChannel file) throws IOException {
    ByteBuffer pid = ByteBuffer.allocate(PID_BYTES_MAX);
    int count = file.read(pid, 0);
    return count <= 0 ? "unknown" : new String(pid.array(), 0, count, StandardCharsets.US_ASCII);
  }

  private static String pid() {
    return Long.toString(ProcessHandle.current().pid());
  }

  /** Where it is. */
  Path path() {
    return path;
  }

  /** Lets it go. The lock file stays: to delete it would let two agents lock two files. */
  @Override
  public void close() throws IOException {
    lockFile.close();
  }
}
