package io.sluice.nbd.codec;

import io.sluice.block.Errno;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Encodes the replies of the transmission phase. */
public final class Replies {
  private Replies() {}

  /** A simple reply's header: {@link NbdProtocol#SIMPLE_REPLY_BYTES}. */
  public static void putSimple(ByteBuffer out, long cookie, int error) {
    out.putInt(NbdProtocol.SIMPLE_REPLY_MAGIC).putInt(error).putLong(cookie);
  }

  /**
   * A structured reply chunk's header: {@link NbdProtocol#CHUNK_HEADER_BYTES}.
   *
   * @param lengthBytes of the payload that follows
   */
  public static void putChunk(ByteBuffer out, long cookie, int flags, int type, int lengthBytes) {
    out.putInt(NbdProtocol.STRUCTURED_REPLY_MAGIC)
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(cookie)
        .putInt(lengthBytes);
  }

  /**
   * The header of a chunk of data: {@link NbdProtocol#DATA_CHUNK_HEADER_BYTES}.
   *
   * @param lengthBytes of the data that follow
   */
  public static void putDataChunk(
      ByteBuffer out, long cookie, int flags, long offsetBytes, int lengthBytes) {
    putChunk(out, cookie, flags, NbdProtocol.REPLY_TYPE_OFFSET_DATA, 8 + lengthBytes);
    out.putLong(offsetBytes);
  }

  /**
   * A whole chunk that stands for zeroes: {@link NbdProtocol#HOLE_CHUNK_BYTES}.
   *
   * @param lengthBytes of the hole
   */
  public static void putHoleChunk(
      ByteBuffer out, long cookie, int flags, long offsetBytes, int lengthBytes) {
    putChunk(out, cookie, flags, NbdProtocol.REPLY_TYPE_OFFSET_HOLE, 8 + 4);
    out.putLong(offsetBytes).putInt(lengthBytes);
  }

  /**
   * A whole error reply, at most {@link NbdLimits#ERROR_REPLY_MAX_BYTES}.
   *
   * @param structured whether the client can take the text
   */
  public static void putError(
      ByteBuffer out, long cookie, boolean structured, Errno errno, String text) {
    int error = errorNumber(errno);
    if (!structured) {
      putSimple(out, cookie, error);
      return;
    }
    byte[] message = errorText(text);
    putChunk(
        out,
        cookie,
        NbdProtocol.REPLY_FLAG_DONE,
        NbdProtocol.REPLY_TYPE_ERROR,
        4 + 2 + message.length);
    out.putInt(error).putShort((short) message.length).put(message);
  }

  /**
   * A text as it goes on the wire: bounded, and with a last byte that may be lost, for nbd-client
   * and others put their terminating NUL over it.
   */
  static byte[] errorText(String text) {
    String bounded =
        text.length() > NbdLimits.ERROR_TEXT_MAX_CHARS
            ? text.substring(0, NbdLimits.ERROR_TEXT_MAX_CHARS)
            : text;
    return (bounded + ".").getBytes(StandardCharsets.UTF_8);
  }

  /** The protocol's number for an errno; it knows eight of them. */
  public static int errorNumber(Errno errno) {
    return switch (errno) {
      case EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN -> errno.number();
      case EDQUOT, EFBIG -> Errno.ENOSPC.number();
      case EROFS, EACCES -> Errno.EPERM.number();
      default -> Errno.EIO.number();
    };
  }
}
