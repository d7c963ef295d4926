package io.sluice.shell.control;

import io.sluice.shell.wire.FrameChannel;
import io.sluice.shell.wire.FrameType;
import java.io.IOException;
import java.io.OutputStream;

/** Bytes to a client, in frames of one type, a frame for each full buffer and each flush. */
final class FrameOutput extends OutputStream {
  private final Sender sender;
  private final FrameType type;
  private final byte[] buffer = new byte[FrameChannel.OUTPUT_BYTES_MAX];
  private int filled;

  /** Sends one frame; throws if the client is gone. */
  @FunctionalInterface
  interface Sender {
    void send(FrameType type, byte[] bytes, int length) throws IOException;
  }

  FrameOutput(Sender sender, FrameType type) {
    this.sender = sender;
    this.type = type;
  }

  @Override
  public synchronized void write(int b) throws IOException {
    if (filled == buffer.length) {
      flush();
    }
    buffer[filled++] = (byte) b;
  }

  @Override
  public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
    for (int done = 0; done < length; ) {
      if (filled == buffer.length) {
        flush();
      }
      int count = Math.min(length - done, buffer.length - filled);
      System.arraycopy(bytes, offset + done, buffer, filled, count);
      filled += count;
      done += count;
    }
  }

  @Override
  public synchronized void flush() throws IOException {
    if (filled > 0) {
      int length = filled;
      filled = 0;
      sender.send(type, buffer, length);
    }
  }

  @Override
  public void close() throws IOException {
    flush();
  }
}
