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

  /**
   * Decides on a client, and sets its socket up.
   *
   * @return who it is, for people
   * @throws IOException if it may not come in
   */
  String admit(SocketChannel client) throws IOException;

  /** The URI of an export here. */
  String address(String encodedName);

  /** What it listens on, for people. */
  String name();

  /** What the configuration calls it. */
  String configuredAs();

  /** What a successor needs beside the channel, as texts. */
  Map<String, String> properties();

  @Override
  void close() throws IOException;
}
