package io.sluice.shell.control;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Tool;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The agent's control socket: a Unix socket, 0600 in a directory of 0700, whose clients are the
 * agent's own user or root. Each connection runs one command, or one shell.
 */
public final class ControlSocket implements AutoCloseable {
  /** The socket's name in the run directory. */
  public static final String NAME = "control.sock";

  /** The most clients at a time; one more is told so and let go. */
  public static final int CONNECTION_COUNT_MAX = 64;

  /** The most bytes of a Unix socket's path that the kernel takes. */
  private static final int PATH_BYTES_MAX = 107;

  private static final long CLOSE_WAIT_MILLIS = 2_000;

  private static final System.Logger LOG = System.getLogger("io.sluice.shell");

  private final RunDirectory directory;
  private final Path path;
  private final ServerSocketChannel server;
  private final ClientLimits limits;
  private final Map<String, Tool> tools;
  private final PeerCheck peerCheck;
  private final ScheduledThreadPoolExecutor watchdog;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final Thread acceptor;

  /** Opens the socket in {@code runDirectory} and serves {@code tools}, by name. */
  public static ControlSocket open(Path runDirectory, Map<String, Tool> tools)
      throws ErrnoException {
    return open(runDirectory, tools, ClientLimits.DEFAULT);
  }

  /**
   * Opens the socket with other limits.
   *
   * @throws ErrnoException EADDRINUSE if a live agent serves the directory; EPERM, EACCES, EINVAL
   *     for a directory that can't be used
   */
  static ControlSocket open(Path runDirectory, Map<String, Tool> tools, ClientLimits limits)
      throws ErrnoException {
    Path path = runDirectory.resolve(NAME);
    int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
    if (bytes > PATH_BYTES_MAX) {
      throw new ErrnoException(
          Errno.EINVAL,
          "control socket "
              + path
              + ": the path has "
              + bytes
              + " bytes, the limit is "
              + PATH_BYTES_MAX
              + "; use a shorter run directory");
    }
    RunDirectory directory = RunDirectory.open(runDirectory);
    try {
      return new ControlSocket(directory, path, bind(runDirectory, path), tools, limits);
    } catch (IOException e) {
      try {
        directory.close();
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw new ErrnoException(Errno.EACCES, "control socket " + path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Binds where nobody else can look, and moves the socket into place when its mode is right; the
   * one of a dead agent is replaced.
   */
  private static ServerSocketChannel bind(Path runDirectory, Path path) throws IOException {
    Path nursery = runDirectory.resolve(".c");
    Path newborn = nursery.resolve("s");
    Files.deleteIfExists(newborn);
    Files.deleteIfExists(nursery);
    Files.createDirectory(
        nursery, PosixFilePermissions.asFileAttribute(RunDirectory.DIRECTORY_MODE));
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      server.bind(UnixDomainSocketAddress.of(newborn));
      Files.setPosixFilePermissions(newborn, RunDirectory.FILE_MODE);
      Files.move(newborn, path, StandardCopyOption.ATOMIC_MOVE);
      Files.delete(nursery);
      return server;
    } catch (IOException e) {
      server.close();
      throw e;
    }
  }

  private ControlSocket(
      RunDirectory directory,
      Path path,
      ServerSocketChannel server,
      Map<String, Tool> tools,
      ClientLimits limits)
      throws IOException {
    this.directory = directory;
    this.path = path;
    this.server = server;
    this.tools = tools;
    this.limits = limits;
    this.peerCheck = PeerCheck.ownerOf(path);
    watchdog =
        new ScheduledThreadPoolExecutor(
            1, task -> Connection.daemon(task, "sluice-control-watchdog"));
    watchdog.setRemoveOnCancelPolicy(true);
    acceptor = Connection.daemon(this::accept, "sluice-control");
    acceptor.start();
    LOG.log(System.Logger.Level.INFO, "control socket {0} is open", path);
  }

  /** Where clients connect. */
  public Path path() {
    return path;
  }

  private void accept() {
    while (server.isOpen()) {
      try {
        SocketChannel client = server.accept();
        Connection connection =
            new Connection(client, tools, peerCheck, limits, watchdog, connections::remove);
        boolean room = connections.size() < CONNECTION_COUNT_MAX;
        if (room) {
          connections.add(connection);
          connection.start();
        } else {
          connection.refuse(
              Errno.EAGAIN, CONNECTION_COUNT_MAX + " clients are connected, the limit; try again");
        }
      } catch (ClosedChannelException e) {
        return;
      } catch (IOException e) {
        LOG.log(System.Logger.Level.WARNING, "control socket: accept failed", e);
        if (!pauseAfterFailure()) {
          return;
        }
      }
    }
  }

  /**
   * Out of file descriptors, accept fails at once and again; give others the time to close some.
   */
  private static boolean pauseAfterFailure() {
    try {
      TimeUnit.MILLISECONDS.sleep(100);
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }

  /**
   * Takes the socket away, ends waits, gives running commands a moment to answer, and lets the
   * clients go. A command that closes the socket itself, by stopping this bundle, still gets its
   * answer out.
   */
  @Override
  public void close() {
    try {
      Files.deleteIfExists(path);
      server.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "control socket " + path + ": not removed", e);
    }
    connections.forEach(Connection::hangUp);
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_WAIT_MILLIS);
    for (Connection connection : connections) {
      connection.finish(deadline);
    }
    watchdog.shutdownNow();
    try {
      directory.close();
    } catch (IOException e) {
      LOG.log(System.Logger.Level.WARNING, "run directory: not unlocked", e);
    }
    LOG.log(System.Logger.Level.INFO, "control socket {0} is closed", path);
  }
}
