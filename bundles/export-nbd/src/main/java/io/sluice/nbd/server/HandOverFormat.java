package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.nbd.session.SessionState;
import io.sluice.swap.HandOver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channel;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How a server's sockets and sessions are written into a {@link HandOver} and read from it. The
 * whole is {@code nbd/1}; its parts are listeners, exports that were added, and clients. A part of
 * a kind that is not known makes the whole unknown, since it stands for something that would be
 * lost.
 */
final class HandOverFormat {
  private static final String FORMAT = "nbd/1";
  private static final String LISTENER = "nbd-listener/1";
  private static final String EXPORT = "nbd-export/1";
  private static final String CLIENT = "nbd-client/1";

  private static final String KIND = "kind";
  private static final String UNIX = "unix";
  private static final String TCP = "tcp";
  private static final String CONFIGURED_AS = "configured-as";
  private static final String HIDDEN = "hidden";
  private static final String PEER = "peer";
  private static final String LISTENER_INDEX = "listener";
  private static final String UNREAD_BYTES = "unread-bytes";

  private HandOverFormat() {}

  /** Everything. */
  static HandOver write(List<HandOver> parts) {
    return new HandOver(FORMAT, Map.of(), List.of(), parts);
  }

  /** A listener with its socket. */
  static HandOver listener(Endpoint endpoint) {
    Map<String, String> properties = new HashMap<>(endpoint.properties());
    properties.put(KIND, endpoint instanceof UnixListener ? UNIX : TCP);
    properties.put(CONFIGURED_AS, endpoint.spec().text());
    return new HandOver(LISTENER, properties, List.of(endpoint.channel()), List.of());
  }

  /** A name that was set up. */
  static HandOver export(ExportTable.Entry entry) {
    Map<String, String> properties = ConfiguredExports.setup(entry).write();
    properties.put(HIDDEN, Boolean.toString(entry.hidden()));
    return new HandOver(EXPORT, properties, List.of(), List.of());
  }

  /** A client with its socket, and a channel from which the unread bytes are read. */
  static HandOver client(Client client, int listenerIndex, SessionState state) {
    byte[] unread = new byte[state.unread().remaining()];
    state.unread().duplicate().get(unread);
    Map<String, String> properties = new HashMap<>(state.properties());
    properties.put(PEER, client.peer().name());
    properties.put(LISTENER_INDEX, Integer.toString(listenerIndex));
    properties.put(UNREAD_BYTES, Integer.toString(unread.length));
    List<Channel> channels =
        List.of(client.channel(), Channels.newChannel(new ByteArrayInputStream(unread)));
    return new HandOver(CLIENT, properties, channels, List.of());
  }

  /** A name that had been set up, and whether it takes no new clients. */
  record AddedExport(ExportSetup setup, boolean hidden) {}

  /** A client that had been served. */
  record ServedClient(SocketChannel channel, String peer, int listenerIndex, SessionState state) {}

  /** What was read. */
  record Contents(
      List<Endpoint> endpoints, List<AddedExport> exports, List<ServedClient> clients) {}

  /**
   * Reads it all, and touches nothing before all of it is known.
   *
   * @param configuration what listeners are by default
   * @throws ErrnoException ENOTSUP for what this version does not know; EIO for what should be
   *     there and is not
   */
  static Contents read(HandOver handOver, NbdConfiguration configuration) throws ErrnoException {
    checkKnown(handOver);
    try {
      Contents contents = new Contents(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      for (HandOver part : handOver.parts()) {
        switch (part.format()) {
          case LISTENER -> contents.endpoints.add(endpoint(part, configuration));
          case EXPORT -> contents.exports.add(added(part.properties()));
          default -> contents.clients.add(served(part));
        }
      }
      return contents;
    } catch (IOException | RuntimeException e) {
      throw new ErrnoException(Errno.EIO, "NBD hand-over is damaged: " + e, e);
    }
  }

  private static void checkKnown(HandOver handOver) throws ErrnoException {
    boolean known = handOver.format().equals(FORMAT);
    for (HandOver part : handOver.parts()) {
      known &= Set.of(LISTENER, EXPORT, CLIENT).contains(part.format());
    }
    if (!known) {
      throw new ErrnoException(
          Errno.ENOTSUP,
          "NBD hand-over of format "
              + handOver.format()
              + " with "
              + handOver.parts().stream().map(HandOver::format).distinct().toList()
              + ": this version knows only "
              + FORMAT
              + ", its clients have to connect anew");
    }
  }

  private static Endpoint endpoint(HandOver part, NbdConfiguration configuration)
      throws IOException {
    Map<String, String> properties = part.properties();
    ServerSocketChannel channel = (ServerSocketChannel) part.channels().get(0);
    ListenerSpec spec = configuration.spec(properties.get(CONFIGURED_AS));
    if (InheritedSocket.isIt(spec)) {
      return InheritedSocket.endpoint(channel, spec);
    }
    return properties.get(KIND).equals(UNIX)
        ? UnixListener.adopt(channel, spec, properties)
        : new TcpListener(channel, spec);
  }

  private static AddedExport added(Map<String, String> properties) throws ErrnoException {
    return new AddedExport(
        ExportSetup.read(properties), Boolean.parseBoolean(properties.get(HIDDEN)));
  }

  private static ServedClient served(HandOver part) throws IOException {
    Map<String, String> properties = part.properties();
    int unreadBytes = Integer.parseInt(properties.get(UNREAD_BYTES));
    if (unreadBytes < 0 || unreadBytes > SessionState.UNREAD_MAX_BYTES) {
      throw new IOException(unreadBytes + " unread bytes, limit " + SessionState.UNREAD_MAX_BYTES);
    }
    ByteBuffer unread = ByteBuffer.allocate(unreadBytes);
    ReadableByteChannel bytes = (ReadableByteChannel) part.channels().get(1);
    while (unread.hasRemaining()) {
      if (bytes.read(unread) < 0) {
        throw new IOException("unread bytes are missing");
      }
    }
    return new ServedClient(
        (SocketChannel) part.channels().get(0),
        properties.get(PEER),
        Integer.parseInt(properties.get(LISTENER_INDEX)),
        new SessionState(properties, unread.flip()));
  }
}
