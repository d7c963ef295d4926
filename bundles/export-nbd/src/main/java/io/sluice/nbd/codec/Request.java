package io.sluice.nbd.codec;

import java.nio.ByteBuffer;

/** One request of the transmission phase. Made to be reused; not thread-safe. */
public final class Request {
  private final ReplyStyle style;
  private int flags;
  private int type;
  private long cookie;
  private long offsetBytes;
  private long lengthBytes;
  private long firstOffsetBytes;

  /** A request of a connection of this style. */
  public Request(ReplyStyle style) {
    this.style = style;
  }

  /** What it and its reply look like. */
  public ReplyStyle style() {
    return style;
  }

  /**
   * Takes the next request from {@code in}, which holds at least {@link ReplyStyle#requestBytes}.
   *
   * @throws ProtocolException if it does not start with a request's magic
   */
  public void decode(ByteBuffer in) throws ProtocolException {
    int magic = in.getInt();
    if (magic != magic()) {
      throw new ProtocolException(
          String.format("request magic 0x%08x instead of 0x%08x", magic, magic()));
    }
    flags = Short.toUnsignedInt(in.getShort());
    type = Short.toUnsignedInt(in.getShort());
    cookie = in.getLong();
    offsetBytes = in.getLong();
    lengthBytes = style == ReplyStyle.EXTENDED ? in.getLong() : Integer.toUnsignedLong(in.getInt());
    firstOffsetBytes = offsetBytes;
  }

  private int magic() {
    return style == ReplyStyle.EXTENDED
        ? NbdProtocol.EXTENDED_REQUEST_MAGIC
        : NbdProtocol.REQUEST_MAGIC;
  }

  /** Puts down what {@link #decode} takes. */
  public void encode(ByteBuffer out) {
    out.putInt(magic())
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(cookie)
        .putLong(offsetBytes);
    if (style == ReplyStyle.EXTENDED) {
      out.putLong(lengthBytes);
    } else {
      out.putInt((int) lengthBytes);
    }
  }

  /** Becomes the rest of a request that started there. */
  public void startedAt(long offsetBytes) {
    firstOffsetBytes = offsetBytes;
  }

  /** Becomes the request for what is left once its first {@code bytes} are done. */
  public void advance(long bytes) {
    offsetBytes += bytes;
    lengthBytes -= bytes;
  }

  /**
   * Its payload, which told how long its range is, has been taken: becomes the request without.
   *
   * @param effectLengthBytes the range's length, unsigned
   */
  public void payloadTaken(long effectLengthBytes) {
    flags &= ~NbdProtocol.CMD_FLAG_PAYLOAD_LEN;
    lengthBytes = effectLengthBytes;
  }

  /** Becomes the same as {@code other}. */
  public void copy(Request other) {
    flags = other.flags;
    type = other.type;
    cookie = other.cookie;
    offsetBytes = other.offsetBytes;
    lengthBytes = other.lengthBytes;
    firstOffsetBytes = other.firstOffsetBytes;
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

  /** Where the range started before any {@link #advance}, as extended replies repeat it. */
  public long firstOffsetBytes() {
    return firstOffsetBytes;
  }

  /**
   * The range's length, or the payload's if the request has one that is not data; unsigned, so in
   * extended requests one beyond 2^63 shows as negative.
   */
  public long lengthBytes() {
    return lengthBytes;
  }

  @Override
  public String toString() {
    return name()
        + " "
        + Long.toUnsignedString(offsetBytes)
        + "+"
        + Long.toUnsignedString(lengthBytes);
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
