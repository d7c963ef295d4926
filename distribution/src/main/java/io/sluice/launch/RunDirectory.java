package io.sluice.launch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/**
 * The directory where an agent meets its clients, held by one agent at a time. What a killed agent
 * left behind is no obstacle: the lock dies with its process, and stale sockets are removed.
 */
final class RunDirectory implements AutoCloseable {
  /** The control socket's file name. */
  static final String CONTROL_SOCKET = "control.sock";

  /** The NBD socket's file name. */
  static final String NBD_SOCKET = "nbd.sock";

  /** The most bytes of a Unix socket's path, without the closing zero (sun_path of Linux). */
  static final int SOCKET_PATH_MAX_BYTES = 107;

  private static final String LOCK_FILE = "sluiced.pid";
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> WRITABLE_BY_OTHERS =
      Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

  /** The most bytes read of the lock file: a process id fits many times. */
  private static final int PID_MAX_BYTES = 32;

  private final Path path;
  private final FileChannel lockChannel;

  private RunDirectory(Path path, FileChannel lockChannel) {
    this.path = path;
    this.lockChannel = lockChannel;
  }

  /** Makes the directory if it is missing, takes it, and clears it of a dead agent's sockets. */
  static RunDirectory hold(Path path) throws LaunchException {
    checkLength(path);
    try {
      create(path);
      FileChannel channel =
          FileChannel.open(
              path.resolve(LOCK_FILE),
              Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      try {
        lock(channel, path);
        for (String stale : List.of(CONTROL_SOCKET, NBD_SOCKET)) {
          Files.deleteIfExists(path.resolve(stale));
        }
        return new RunDirectory(path, channel);
      } catch (IOException | LaunchException e) {
        channel.close();
        throw e;
      }
    } catch (IOException e) {
      throw new LaunchException("EIO: run directory " + path + ": " + Reasons.of(e), e);
    }
  }

  Path path() {
    return path;
  }

  /**
   * Gives a log that was started under another name, before this directory was held, its place; the
   * previous agent's log is kept beside it.
   */
  void adoptLog(Path startedAs) throws IOException {
    Path log = path.resolve("sluiced.log");
    if (Files.exists(log)) {
      Files.move(log, path.resolve("sluiced.log.old"), StandardCopyOption.REPLACE_EXISTING);
    }
    Files.move(startedAs, log);
  }

  /** Lets the directory go. The file stays, for removing a locked file would let in two agents. */
  @Override
  public void close() throws IOException {
    lockChannel.truncate(0);
    lockChannel.close();
  }

  private static void checkLength(Path path) throws LaunchException {
    int length = path.resolve(CONTROL_SOCKET).toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > SOCKET_PATH_MAX_BYTES) {
      int most = SOCKET_PATH_MAX_BYTES - CONTROL_SOCKET.length() - 1;
      throw new LaunchException(
          "ENAMETOOLONG: run directory "
              + path
              + ": "
              + (length - CONTROL_SOCKET.length() - 1)
              + " bytes, and a socket's path leaves room for "
              + most
              + "; choose a shorter one with --run-dir");
    }
  }

  private static void create(Path path) throws IOException, LaunchException {
    try {
      if (path.getParent() != null) {
        Files.createDirectories(path.getParent());
      }
      Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    } catch (FileAlreadyExistsException e) {
      checkExisting(path);
    }
  }

  private static void checkExisting(Path path) throws IOException, LaunchException {
    if (!Files.isDirectory(path)) {
      throw new LaunchException("ENOTDIR: run directory " + path + ": is no directory");
    }
    PosixFileAttributes attributes = Files.readAttributes(path, PosixFileAttributes.class);
    Set<PosixFilePermission> permissions = attributes.permissions();
    if (permissions.stream().anyMatch(WRITABLE_BY_OTHERS::contains)) {
      throw new LaunchException(
          "EPERM: run directory "
              + path
              + ": others may write to it ("
              + PosixFilePermissions.toString(permissions)
              + ", owner "
              + attributes.owner().getName()
              + "), so they could replace the sockets; chmod go-w it, or choose another with"
              + " --run-dir");
    }
  }

  private static void lock(FileChannel channel, Path path) throws IOException, LaunchException {
    if (!tryLock(channel)) {
      ByteBuffer content = ByteBuffer.allocate(PID_MAX_BYTES);
      channel.read(content, 0);
      String holder = new String(content.array(), 0, content.position(), StandardCharsets.UTF_8);
      String pid = holder.strip();
      throw new LaunchException(
          "EBUSY: run directory "
              + path
              + ": an agent runs on it already"
              + (pid.isEmpty() ? "" : ", pid " + pid)
              + "; stop that one, or choose another directory with --run-dir");
    }
    String pid = ProcessHandle.current().pid() + "\n";
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(pid.getBytes(StandardCharsets.UTF_8)), 0);
  }

  private static boolean tryLock(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }
}
