package io.sluice.nbd.codec;

import io.sluice.block.Errno;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Encodes the replies of the transmission phase, in the style of the request. */
public final class Replies {
  private Replies() {}

  /** A simple reply's header: {@link NbdProtocol#SIMPLE_REPLY_BYTES}. */
  private static void putSimple(ByteBuffer out, Request request, int error) {
    out.putInt(NbdProtocol.SIMPLE_REPLY_MAGIC).putInt(error).putLong(request.cookie());
  }

  /**
   * A chunk's header: {@link ReplyStyle#chunkHeaderBytes}.
   *
   * @param lengthBytes of the payload that follows
   */
  public static void putChunk(
      ByteBuffer out, Request request, int flags, int type, int lengthBytes) {
    boolean extended = request.style() == ReplyStyle.EXTENDED;
    out.putInt(extended ? NbdProtocol.EXTENDED_REPLY_MAGIC : NbdProtocol.STRUCTURED_REPLY_MAGIC)
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(request.cookie());
    if (extended) {
      out.putLong(request.firstOffsetBytes()).putLong(lengthBytes);
    } else {
      out.putInt(lengthBytes);
    }
  }

  /**
   * What precedes the data of a read: {@link ReplyStyle#dataHeaderBytes}.
   *
   * @param flags of the chunk, if it is one
   * @param lengthBytes of the data that follow
   */
  public static void putDataHeader(
      ByteBuffer out, Request request, int flags, long offsetBytes, int lengthBytes) {
    if (request.style().chunks()) {
      putChunk(out, request, flags, NbdProtocol.REPLY_TYPE_OFFSET_DATA, 8 + lengthBytes);
      out.putLong(offsetBytes);
    } else {
      putSimple(out, request, 0);
    }
  }

  /**
   * A whole chunk that stands for zeroes: {@link ReplyStyle#holeChunkBytes}.
   *
   * @param lengthBytes of the hole
   */
  public static void putHoleChunk(
      ByteBuffer out, Request request, int flags, long offsetBytes, int lengthBytes) {
    putChunk(out, request, flags, NbdProtocol.REPLY_TYPE_OFFSET_HOLE, 8 + 4);
    out.putLong(offsetBytes).putInt(lengthBytes);
  }

  /** The last chunk, without anything: {@link ReplyStyle#chunkHeaderBytes}. */
  public static void putLastChunk(ByteBuffer out, Request request) {
    putChunk(out, request, NbdProtocol.REPLY_FLAG_DONE, NbdProtocol.REPLY_TYPE_NONE, 0);
  }

  /**
   * A whole reply without data: {@link ReplyStyle#doneBytes}. A success needs no structure, and
   * simple costs less.
   */
  public static void putDone(ByteBuffer out, Request request) {
    if (request.style() == ReplyStyle.EXTENDED) {
      putLastChunk(out, request);
    } else {
      putSimple(out, request, 0);
    }
  }

  /** A whole error reply, at most {@link NbdLimits#ERROR_REPLY_MAX_BYTES}. */
  public static void putError(ByteBuffer out, Request request, Errno errno, String text) {
    int error = errorNumber(errno);
    if (!request.style().chunks()) {
      putSimple(out, request, error);
      return;
    }
    byte[] message = errorText(text);
    putChunk(
        out,
        request,
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
