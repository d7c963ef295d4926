package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Map;
import jdk.net.ExtendedSocketOptions;

/** A socket of the agent's user, which is never open to others for a moment. */
final class UnixListener implements Endpoint {
  private static final int FILE_TYPE_MASK = 0170000;
  private static final int FILE_TYPE_SOCKET = 0140000;

  /** Which file the socket is, in {@link #properties}. */
  static final String INODE = "inode";

  /** Who the agent is, in {@link #properties}. */
  static final String OWNER_UID = "owner-uid";

  private final ListenerSpec spec;
  private final Path path;
  private final ServerSocketChannel channel;
  private final String inode;
  private final String ownerUid;
  private final UserPrincipal self;

  private UnixListener(
      ListenerSpec spec, ServerSocketChannel channel, String inode, String ownerUid)
      throws IOException {
    this.spec = spec;
    this.path = Path.of(spec.address());
    this.channel = channel;
    this.inode = inode;
    this.ownerUid = ownerUid;
    this.self = user(ownerUid);
  }

  private static UserPrincipal user(String uid) throws IOException {
    return FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(uid);
  }

  /**
   * Goes on listening where another listener did.
   *
   * @param spec its {@link #spec}
   * @param properties its {@link #properties}
   */
  static UnixListener adopt(
      ServerSocketChannel channel, ListenerSpec spec, Map<String, String> properties)
      throws IOException {
    return new UnixListener(spec, channel, properties.get(INODE), properties.get(OWNER_UID));
  }

  /**
   * Listens on a path, replacing the socket that a dead agent left there.
   *
   * @throws ErrnoException EADDRINUSE if somebody listens there; EEXIST if it is no socket; EIO and
   *     the like if it can't be made
   */
  static UnixListener open(ListenerSpec spec) throws ErrnoException {
    Path path = Path.of(spec.address());
    checkFree(path);
    // Java can't set the umask: the socket is made where nobody else can reach it, narrowed, and
    // then moved to its place.
    Path directory =
        path.resolveSibling("." + path.getFileName() + "." + ProcessHandle.current().pid());
    Path fresh = directory.resolve("s");
    ServerSocketChannel channel = null;
    try {
      Files.deleteIfExists(fresh);
      Files.deleteIfExists(directory);
      Files.createDirectory(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
      channel.bind(UnixDomainSocketAddress.of(fresh), BACKLOG);
      Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-------"));
      Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
      Files.delete(directory);
      return new UnixListener(spec, channel, attribute(path, "ino"), attribute(path, "uid"));
    } catch (IOException e) {
      closeQuietly(channel);
      throw new ErrnoException(
          Errno.EIO, "NBD socket " + path + ": can't listen there: " + e.getMessage(), e);
    }
  }

  private static String attribute(Path path, String name) throws IOException {
    return Files.getAttribute(path, "unix:" + name, LinkOption.NOFOLLOW_LINKS).toString();
  }

  private static void checkFree(Path path) throws ErrnoException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
      if ((mode & FILE_TYPE_MASK) != FILE_TYPE_SOCKET) {
        throw new ErrnoException(
            Errno.EEXIST, "NBD socket " + path + ": something else lies there, move it away");
      }
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, "NBD socket " + path + ": " + e.getMessage(), e);
    }
    try (SocketChannel probe = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      throw new ErrnoException(
          Errno.EADDRINUSE,
          "NBD socket "
              + path
              + ": another agent serves it ("
              + probe.getRemoteAddress()
              + "); stop it or choose another run directory");
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      // Nobody listens: the socket of an agent that died.
    }
  }

  @Override
  public ServerSocketChannel channel() {
    return channel;
  }

  @Override
  public void prepare(SocketChannel client) throws IOException {
    client.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
    client.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
  }

  @Override
  public Peer identify(SocketChannel client) throws IOException {
    UserPrincipal user = client.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
    return Peer.of(user, user.equals(self));
  }

  @Override
  public String address(String encodedName) {
    return (spec.tls() == TlsPolicy.REQUIRED ? "nbds+unix:///" : "nbd+unix:///")
        + encodedName
        + "?socket="
        + UriText.encodePath(path.toString());
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public ListenerSpec spec() {
    return spec;
  }

  @Override
  public Map<String, String> properties() {
    return Map.of(INODE, inode, OWNER_UID, ownerUid);
  }

  /** Stops listening and removes the socket, unless another agent has put its own there. */
  @Override
  public void close() throws IOException {
    channel.close();
    if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && attribute(path, "ino").equals(inode)) {
      Files.deleteIfExists(path);
    }
  }

  private static void closeQuietly(ServerSocketChannel channel) {
    if (channel != null) {
      try {
        channel.close();
      } catch (IOException e) {
        // The failure that led here is the one to tell.
      }
    }
  }
}
