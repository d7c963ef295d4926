package io.sluice.nbd.session;

import io.sluice.block.ErrnoException;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.Replies;
import io.sluice.nbd.codec.Request;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The way out of a connection. The connection's own thread gathers replies in a buffer and sends
 * many at once; workers send theirs themselves. Only {@link #send} is for other threads.
 */
final class ReplyOutput implements ReplySink {
  private final WritableByteChannel channel;
  private final ReentrantLock writing = new ReentrantLock();
  private ByteBuffer buffer;
  private ByteBuffer view;

  ReplyOutput(WritableByteChannel channel, ByteBuffer buffer) {
    this.channel = channel;
    use(buffer);
  }

  /** Goes on with another buffer; the earlier one must have been flushed. */
  void use(ByteBuffer buffer) {
    this.buffer = buffer;
    this.view = buffer.duplicate();
  }

  @Override
  public ByteBuffer reserve(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }

  /** The bytes from {@code start}, not yet part of what is sent, as a view that is used again. */
  ByteBuffer view(int start, int lengthBytes) {
    return view.limit(start + lengthBytes).position(start);
  }

  /** Sends what has been gathered. */
  void flush() throws IOException {
    if (buffer.position() > 0) {
      buffer.flip();
      send(buffer);
      buffer.clear();
    }
  }

  /** Sends {@code replies}, which are whole ones, beside what other threads send. */
  void send(ByteBuffer replies) throws IOException {
    writing.lock();
    try {
      while (replies.hasRemaining()) {
        channel.write(replies);
      }
    } finally {
      writing.unlock();
    }
  }

  /** Keeps other threads from sending while a reply goes out in several flushes. */
  void lock() {
    writing.lock();
  }

  /** Ends {@link #lock}; everything must have been flushed. */
  void unlock() {
    writing.unlock();
  }

  /** Answers a request that has no data: done, or why not. */
  void answer(Request request, ErrnoException failure) throws IOException {
    putAnswer(
        reserve(failure == null ? request.style().doneBytes() : NbdLimits.ERROR_REPLY_MAX_BYTES),
        request,
        failure);
  }

  /** Encodes what {@link #answer} says. */
  static void putAnswer(ByteBuffer out, Request request, ErrnoException failure) {
    if (failure == null) {
      Replies.putDone(out, request);
    } else {
      Replies.putError(out, request, failure.errno(), failure.text());
    }
  }
}
