package io.sluice.nbd.codec;

import java.nio.ByteBuffer;

/** One request of the transmission phase. Made to be reused; not thread-safe. */
public final class Request {
  private int flags;
  private int type;
  private long cookie;
  private long offsetBytes;
  private long lengthBytes;

  /**
   * Takes the next request from {@code in}, which holds at least {@link NbdProtocol#REQUEST_BYTES}.
   *
   * @throws ProtocolException if it does not start with a request's magic
   */
  public void decode(ByteBuffer in) throws ProtocolException {
    int magic = in.getInt();
    if (magic != NbdProtocol.REQUEST_MAGIC) {
      throw new ProtocolException(
          String.format(
              "request magic 0x%08x instead of 0x%08x", magic, NbdProtocol.REQUEST_MAGIC));
    }
    flags = Short.toUnsignedInt(in.getShort());
    type = Short.toUnsignedInt(in.getShort());
    cookie = in.getLong();
    offsetBytes = in.getLong();
    lengthBytes = Integer.toUnsignedLong(in.getInt());
  }

  /** Puts down what {@link #decode} takes: {@link NbdProtocol#REQUEST_BYTES}. */
  public void encode(ByteBuffer out) {
    out.putInt(NbdProtocol.REQUEST_MAGIC)
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(cookie)
        .putLong(offsetBytes)
        .putInt((int) lengthBytes);
  }

  /** Becomes the request for what is left once its first {@code bytes} are done. */
  public void advance(long bytes) {
    offsetBytes += bytes;
    lengthBytes -= bytes;
  }

  /** Becomes the same as {@code other}. */
  public void copy(Request other) {
    flags = other.flags;
    type = other.type;
    cookie = other.cookie;
    offsetBytes = other.offsetBytes;
    lengthBytes = other.lengthBytes;
  }

  /** The command flags. */
  public int flags() {
    return flags;
  }

  /** Whether the command flag is set. */
  public boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** The command. */
  public int type() {
    return type;
  }

  /** What the client recognises the reply by. */
  public long cookie() {
    return cookie;
  }

  /** Where the range starts; an unsigned number, so one beyond 2^63 shows as negative. */
  public long offsetBytes() {
    return offsetBytes;
  }

  /** The range's length, 0 to 2^32-1. */
  public long lengthBytes() {
    return lengthBytes;
  }

  @Override
  public String toString() {
    return name() + " " + Long.toUnsignedString(offsetBytes) + "+" + lengthBytes;
  }

  private String name() {
    return switch (type) {
      case NbdProtocol.CMD_READ -> "READ";
      case NbdProtocol.CMD_WRITE -> "WRITE";
      case NbdProtocol.CMD_DISC -> "DISC";
      case NbdProtocol.CMD_FLUSH -> "FLUSH";
      case NbdProtocol.CMD_TRIM -> "TRIM";
      case NbdProtocol.CMD_CACHE -> "CACHE";
      case NbdProtocol.CMD_WRITE_ZEROES -> "WRITE_ZEROES";
      case NbdProtocol.CMD_BLOCK_STATUS -> "BLOCK_STATUS";
      default -> "command " + type;
    };
  }
}
