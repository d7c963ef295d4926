package io.sluice.nbd.server;

import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Map;

/** A place where clients come in. */
interface Endpoint extends AutoCloseable {
  /** Clients that the kernel keeps waiting to be accepted. */
  int BACKLOG = 64;

  /** The kernel's buffer for each direction: room for a few pieces of a large transfer. */
  int SOCKET_BUFFER_BYTES = 400 << 10;

  /** What listens. */
  ServerSocketChannel channel();

  /** Sets a client's socket up. */
  void prepare(SocketChannel client) throws IOException;

  /** Who a client is. */
  Peer identify(SocketChannel client) throws IOException;

  /** The URI of an export here. */
  String address(String encodedName);

  /** What it listens on, for people. */
  String name();

  /** What the configuration says of it. */
  ListenerSpec spec();

  /** What a successor needs beside the channel, as texts. */
  Map<String, String> properties();

  @Override
  void close() throws IOException;
}
