package io.sluice.nbd.session;

import io.sluice.nbd.codec.ReplyStyle;
import java.nio.ByteBuffer;
import java.util.Map;

/**
 * Where a session stands at rest: nothing is under way, every reply that was due has been sent.
 * Another session, of another class loader or version, goes on from it on the same socket.
 *
 * @param properties what the client and the server have agreed, as texts
 * @param unread what the client has sent and nobody has served, from position to limit, at most
 *     {@link #UNREAD_MAX_BYTES}; a request whose payload has come in part is at its start
 */
public record SessionState(Map<String, String> properties, ByteBuffer unread) {
  /** The input buffer, and the payload that was on its way to a worker with its header. */
  public static final int UNREAD_MAX_BYTES =
      Session.INPUT_BUFFER_BYTES + Workers.PAYLOAD_MAX_BYTES + ReplyStyle.EXTENDED.requestBytes();

  /** Copies the map. */
  public SessionState {
    properties = Map.copyOf(properties);
  }

  /** A client that has just come. */
  public static SessionState fresh() {
    return new SessionState(Map.of(), ByteBuffer.allocate(0));
  }

  /** The same with bytes behind those that are unread. */
  public SessionState followedBy(ByteBuffer more) {
    return new SessionState(properties, joined(unread, more));
  }

  /** One behind the other, in a buffer of its own. */
  static ByteBuffer joined(ByteBuffer first, ByteBuffer second) {
    return ByteBuffer.allocate(first.remaining() + second.remaining())
        .put(first.duplicate())
        .put(second.duplicate())
        .flip();
  }
}
