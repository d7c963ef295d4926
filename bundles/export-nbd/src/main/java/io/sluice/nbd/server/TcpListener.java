package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Map;

/** A TCP port. Without TLS there are no names of clients, so by default on this machine only. */
final class TcpListener implements Endpoint {
  private static final int PORT_MAX = 65535;

  private final ServerSocketChannel channel;
  private final ListenerSpec spec;
  private final String name;

  /**
   * @param channel a bound one
   * @param spec what was asked for
   */
  TcpListener(ServerSocketChannel channel, ListenerSpec spec) throws IOException {
    this.channel = channel;
    this.spec = spec;
    String hostAndPort = spec.address();
    String host = hostAndPort.substring(0, hostAndPort.lastIndexOf(':'));
    this.name = host + ":" + ((InetSocketAddress) channel.getLocalAddress()).getPort();
  }

  /**
   * Listens on a {@code host:port}; port 0 takes a free one; an IPv6 host stands in brackets.
   *
   * @throws ErrnoException EINVAL for what is no such pair; EACCES for an address that others reach
   *     without TLS while {@code allowRemote} is false; EADDRINUSE and the like if it can't be had
   */
  static TcpListener open(ListenerSpec spec, boolean allowRemote) throws ErrnoException {
    String hostAndPort = spec.address();
    InetSocketAddress wanted = parse(hostAndPort);
    if (!allowRemote
        && spec.tls() != TlsPolicy.REQUIRED
        && !wanted.getAddress().isLoopbackAddress()) {
      throw new ErrnoException(
          Errno.EACCES,
          "NBD listener "
              + hostAndPort
              + ": other machines could reach it without encryption; use 127.0.0.1, or add"
              + " ;tls=required to it, or set sluice.nbd.allow-remote=true");
    }
    ServerSocketChannel channel = null;
    try {
      channel = ServerSocketChannel.open();
      channel.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      // Before binding, so that it counts for the window that a connection starts with.
      channel.setOption(StandardSocketOptions.SO_RCVBUF, SOCKET_BUFFER_BYTES);
      channel.bind(wanted, BACKLOG);
      return new TcpListener(channel, spec);
    } catch (IOException e) {
      if (channel != null) {
        try {
          channel.close();
        } catch (IOException closing) {
          e.addSuppressed(closing);
        }
      }
      throw new ErrnoException(
          Errno.EADDRINUSE, "NBD listener " + hostAndPort + ": " + e.getMessage(), e);
    }
  }

  private static InetSocketAddress parse(String hostAndPort) throws ErrnoException {
    int colon = hostAndPort.lastIndexOf(':');
    try {
      int port = Integer.parseInt(hostAndPort.substring(colon + 1).trim());
      String host = colon > 0 ? hostAndPort.substring(0, colon).trim() : "";
      boolean bracketed = host.startsWith("[") && host.endsWith("]");
      if (host.isEmpty() || port < 0 || port > PORT_MAX || (host.contains(":") && !bracketed)) {
        throw new NumberFormatException();
      }
      return new InetSocketAddress(InetAddress.getByName(host), port);
    } catch (NumberFormatException e) {
      throw new ErrnoException(
          Errno.EINVAL,
          "NBD listener \""
              + hostAndPort
              + "\": must be HOST:PORT with a port from 0 to 65535, as"
              + " in 127.0.0.1:10809 or [::1]:10809",
          e);
    } catch (UnknownHostException e) {
      throw new ErrnoException(
          Errno.EINVAL, "NBD listener " + hostAndPort + ": no such host: " + e.getMessage(), e);
    }
  }

  @Override
  public ServerSocketChannel channel() {
    return channel;
  }

  @Override
  public void prepare(SocketChannel client) throws IOException {
    client.setOption(StandardSocketOptions.TCP_NODELAY, true);
    client.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
    client.setOption(StandardSocketOptions.SO_SNDBUF, SOCKET_BUFFER_BYTES);
  }

  @Override
  public Peer identify(SocketChannel client) throws IOException {
    InetSocketAddress remote = (InetSocketAddress) client.getRemoteAddress();
    return Peer.of(remote.getAddress(), remote.getPort());
  }

  @Override
  public String address(String encodedName) {
    return (spec.tls() == TlsPolicy.REQUIRED ? "nbds://" : "nbd://") + name() + "/" + encodedName;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public ListenerSpec spec() {
    return spec;
  }

  @Override
  public Map<String, String> properties() {
    return Map.of();
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
