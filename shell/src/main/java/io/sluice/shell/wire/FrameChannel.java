package io.sluice.shell.wire;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Frames over a byte channel: type (1 byte), payload length (4 bytes, big endian), payload.
 *
 * <p>One thread reads; any thread writes, a frame at a time. It works on the channel itself, for
 * the JDK's stream adapters let a blocked read of a socket channel hold up its writes.
 */
public final class FrameChannel {
  /** The most bytes of a payload of output, so that no frame waits long for another. */
  public static final int OUTPUT_BYTES_MAX = 32 * 1024;

  private static final int HEADER_BYTES = 5;

  /** What a payload's memory grows by: a length that is only claimed costs nothing. */
  private static final int GROWTH_BYTES = 8 * 1024;

  private final ByteChannel channel;
  private final ByteBuffer readHeader = ByteBuffer.allocate(HEADER_BYTES);
  private final ByteBuffer writeBuffer = ByteBuffer.allocate(HEADER_BYTES + OUTPUT_BYTES_MAX);

  /**
   * Frames over {@code channel}, which must be in blocking mode and stays the caller's to close.
   */
  public FrameChannel(ByteChannel channel) {
    this.channel = channel;
  }

  /**
   * Waits for the next frame.
   *
   * @param payloadBytesMax the most that is accepted
   * @return null if the peer has ended the stream between two frames
   * @throws MalformedFrameException for an unknown type, or a length that is negative or above the
   *     limit; the stream can't be read on
   * @throws EOFException if the stream ends inside a frame
   */
  public Frame read(int payloadBytesMax) throws IOException {
    readHeader.clear();
    if (!fill(readHeader)) {
      return null;
    }
    readHeader.flip();
    int code = readHeader.get() & 0xff;
    FrameType type = FrameType.ofCode(code);
    int length = readHeader.getInt();
    if (type == null) {
      throw new MalformedFrameException("frame of unknown type " + code);
    }
    if (length < 0 || length > payloadBytesMax) {
      throw new MalformedFrameException(
          type + " frame of " + length + " bytes, the limit is " + payloadBytesMax);
    }
    return new Frame(type, payload(length));
  }

  private byte[] payload(int length) throws IOException {
    byte[] bytes = new byte[Math.min(length, GROWTH_BYTES)];
    int filled = 0;
    while (filled < length) {
      if (filled == bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.min(length, bytes.length * 2));
      }
      int count = channel.read(ByteBuffer.wrap(bytes, filled, bytes.length - filled));
      if (count < 0) {
        throw new EOFException("the stream ended after " + filled + " bytes of " + length);
      }
      filled += count;
    }
    return bytes;
  }

  /** False if the stream has ended before the first byte. */
  private boolean fill(ByteBuffer target) throws IOException {
    while (target.hasRemaining()) {
      if (channel.read(target) < 0) {
        if (target.position() == 0) {
          return false;
        }
        throw new EOFException("the stream ended inside a frame's header");
      }
    }
    return true;
  }

  /**
   * Writes one frame of at most {@link #OUTPUT_BYTES_MAX} bytes; returns when it is handed over.
   */
  public synchronized void write(FrameType type, byte[] bytes, int offset, int length)
      throws IOException {
    if (length > OUTPUT_BYTES_MAX) {
      throw new IllegalArgumentException(length + " bytes in a frame of " + OUTPUT_BYTES_MAX);
    }
    writeBuffer.clear();
    writeBuffer.put((byte) type.code()).putInt(length).put(bytes, offset, length).flip();
    drain(writeBuffer);
  }

  /** Writes one frame of text. */
  public void write(FrameType type, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    write(type, bytes, 0, bytes.length);
  }

  /** Writes one frame that holds a number. */
  public void write(FrameType type, int number) throws IOException {
    write(type, ByteBuffer.allocate(Integer.BYTES).putInt(number).array(), 0, Integer.BYTES);
  }

  /** Writes a request, which may be longer than other frames. */
  public synchronized void write(Request request) throws IOException {
    byte[] bytes = request.encode();
    ByteBuffer buffer = ByteBuffer.allocate(HEADER_BYTES + bytes.length);
    buffer.put((byte) FrameType.REQUEST.code()).putInt(bytes.length).put(bytes).flip();
    drain(buffer);
  }

  private void drain(ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
