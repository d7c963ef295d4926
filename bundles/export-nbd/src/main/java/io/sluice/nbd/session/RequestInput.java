package io.sluice.nbd.session;

import io.sluice.nbd.codec.Request;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/**
 * The way into a connection: takes whatever the socket has and hands it out in pieces, without
 * copying where it can. Sends the gathered replies before it waits. Used by one thread.
 */
final class RequestInput {
  /** So few bytes are moved to the front, rather than leaving less room for the next read. */
  private static final int MOVE_MAX_BYTES = 16 << 10;

  private final ReadableByteChannel channel;
  private final ReplyOutput replies;
  private ByteBuffer buffer;
  private ByteBuffer view;

  RequestInput(ReadableByteChannel channel, ReplyOutput replies, ByteBuffer buffer) {
    this.channel = channel;
    this.replies = replies;
    this.buffer = buffer.limit(0);
    this.view = buffer.duplicate();
  }

  /** Goes on with a larger buffer, to which the unread bytes move. */
  void use(ByteBuffer larger) {
    larger.clear().put(buffer).flip();
    buffer = larger;
    view = larger.duplicate();
  }

  /** The unread bytes. Taking them moves the position. */
  ByteBuffer unread() {
    return buffer;
  }

  /** A view of the next {@code bytes}, which are there; they stay unread. It is used again. */
  ByteBuffer peek(int bytes) {
    int start = buffer.position();
    return view.limit(start + bytes).position(start);
  }

  /** Marks bytes that are there as read. */
  void taken(int bytes) {
    buffer.position(buffer.position() + bytes);
  }

  /**
   * Waits until {@code bytes} are unread.
   *
   * @param bytes at most the buffer's capacity
   * @return false if the client has closed its side before
   */
  boolean await(int bytes) throws IOException {
    while (buffer.remaining() < bytes) {
      if (!fill(bytes)) {
        return false;
      }
    }
    return true;
  }

  /** As {@link #await}, in the middle of a request. */
  void require(int bytes) throws IOException {
    if (!await(bytes)) {
      throw new EOFException("the client went away in the middle of a request");
    }
  }

  /** Takes the payload of {@code request} and forgets it, so that the request's rest shrinks. */
  void skip(Request request) throws IOException {
    while (request.lengthBytes() > 0) {
      require(1);
      int step = (int) Math.min(request.lengthBytes(), buffer.remaining());
      taken(step);
      request.advance(step);
    }
  }

  /** Fills {@code target} up to its limit, past this buffer where it is empty. */
  void readFully(ByteBuffer target) throws IOException {
    int here = Math.min(buffer.remaining(), target.remaining());
    target.put(peek(here));
    taken(here);
    while (target.hasRemaining()) {
      replies.flush();
      if (read(target) < 0) {
        throw new EOFException("the client went away in the middle of a request");
      }
    }
  }

  /** Waits for some bytes; false at the end of the stream. */
  boolean fill(int wantedBytes) throws IOException {
    replies.flush();
    int start = buffer.position();
    int end = buffer.limit();
    int unread = end - start;
    if (start > 0 && (unread <= MOVE_MAX_BYTES || start + wantedBytes > buffer.capacity())) {
      buffer.compact();
      start = 0;
      end = unread;
    }
    buffer.limit(buffer.capacity()).position(end);
    int count;
    try {
      count = read(buffer);
    } finally {
      buffer.limit(buffer.position()).position(start);
    }
    return count >= 0;
  }

  /** The channel waits for its client's bytes, unless the session is to come to rest. */
  private int read(ByteBuffer target) throws IOException {
    int count = channel.read(target);
    if (count == 0) {
      throw new RestException();
    }
    return count;
  }
}
