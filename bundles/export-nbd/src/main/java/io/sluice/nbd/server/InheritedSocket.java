package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channel;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * The socket that the process was started with, by a supervisor that listens on its behalf. It is
 * standard input, the only descriptor that Java takes up as a socket. Whoever made it removes it.
 */
final class InheritedSocket {
  /** What the configuration calls it, in place of an address. */
  static final String NAME = "inherited";

  private InheritedSocket() {}

  /** Whether a listener is this one. */
  static boolean isIt(ListenerSpec spec) {
    return spec.text().equals(NAME);
  }

  /**
   * Takes it up.
   *
   * @throws ErrnoException EINVAL if standard input does not listen; ENODEV if it did, and an
   *     earlier start of the bundle has closed it
   */
  static Endpoint open(ListenerSpec spec) throws ErrnoException {
    try {
      Channel channel = System.inheritedChannel();
      if (!(channel instanceof ServerSocketChannel server)) {
        throw new ErrnoException(
            Errno.EINVAL,
            "NBD listener inherited: standard input is no socket that listens; start the agent by"
                + " a socket unit, or unset sluice.nbd.inherited");
      }
      if (!server.isOpen()) {
        throw new ErrnoException(
            Errno.ENODEV,
            "NBD listener inherited: it was closed when the bundle stopped; start the agent anew");
      }
      return endpoint(server, spec);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, "NBD listener inherited: " + e.getMessage(), e);
    }
  }

  /** The same socket, from whoever had it before. */
  static Endpoint endpoint(ServerSocketChannel channel, ListenerSpec spec) throws IOException {
    SocketAddress address = channel.getLocalAddress();
    if (address instanceof UnixDomainSocketAddress unix) {
      // The socket is somebody else's file; the agent's user is the one of its process.
      String uid = Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString();
      return UnixListener.adopt(
          channel,
          new ListenerSpec(NAME, unix.getPath().toString(), spec.tls()),
          Map.of(UnixListener.INODE, "", UnixListener.OWNER_UID, uid));
    }
    InetSocketAddress inet = (InetSocketAddress) address;
    String host = inet.getAddress().getHostAddress();
    return new TcpListener(
        channel,
        new ListenerSpec(
            NAME,
            (host.contains(":") ? "[" + host + "]" : host) + ":" + inet.getPort(),
            spec.tls()));
  }
}
