package io.sluice.nbd.codec;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Encodes the server's side of the option phase. */
public final class OptionReplies {
  /** The greeting's length. */
  public static final int GREETING_BYTES = 18;

  /** What {@link #putExportName} takes at most. */
  public static final int EXPORT_NAME_MAX_BYTES = 8 + 2 + 124;

  /** What one reply takes at most: a name, a description and their lengths. */
  public static final int REPLY_MAX_BYTES =
      NbdProtocol.OPTION_REPLY_HEADER_BYTES + 8 + 2 * NbdLimits.STRING_MAX_BYTES;

  private OptionReplies() {}

  /** What the server says first. */
  public static void putGreeting(ByteBuffer out) {
    out.putLong(NbdProtocol.NBDMAGIC)
        .putLong(NbdProtocol.IHAVEOPT)
        .putShort((short) (NbdProtocol.FLAG_FIXED_NEWSTYLE | NbdProtocol.FLAG_NO_ZEROES));
  }

  /** The answer to EXPORT_NAME, which has no header. */
  public static void putExportName(ByteBuffer out, long sizeBytes, int flags, boolean noZeroes) {
    out.putLong(sizeBytes).putShort((short) flags);
    if (!noZeroes) {
      out.put(new byte[124]);
    }
  }

  private static void putHeader(ByteBuffer out, int option, int reply, int lengthBytes) {
    out.putLong(NbdProtocol.OPTION_REPLY_MAGIC).putInt(option).putInt(reply).putInt(lengthBytes);
  }

  /** An acknowledgement. */
  public static void putAck(ByteBuffer out, int option) {
    putHeader(out, option, NbdProtocol.REP_ACK, 0);
  }

  /** An error of type {@code reply} with its reason. */
  public static void putError(ByteBuffer out, int option, int reply, String text) {
    byte[] message = Replies.errorText(text);
    putHeader(out, option, reply, message.length);
    out.put(message);
  }

  /** One export of LIST. */
  public static void putServer(ByteBuffer out, String name, String description) {
    byte[] nameBytes = bounded(name);
    byte[] descriptionBytes = bounded(description);
    putHeader(
        out,
        NbdProtocol.OPT_LIST,
        NbdProtocol.REP_SERVER,
        4 + nameBytes.length + descriptionBytes.length);
    out.putInt(nameBytes.length).put(nameBytes).put(descriptionBytes);
  }

  /** An export's size and transmission flags. */
  public static void putInfoExport(ByteBuffer out, int option, long sizeBytes, int flags) {
    putHeader(out, option, NbdProtocol.REP_INFO, 12);
    out.putShort((short) NbdProtocol.INFO_EXPORT).putLong(sizeBytes).putShort((short) flags);
  }

  /** A textual information: {@code type} is INFO_NAME or INFO_DESCRIPTION. */
  public static void putInfoText(ByteBuffer out, int option, int type, String text) {
    byte[] bytes = bounded(text);
    putHeader(out, option, NbdProtocol.REP_INFO, 2 + bytes.length);
    out.putShort((short) type).put(bytes);
  }

  /** The block sizes. */
  public static void putInfoBlockSize(
      ByteBuffer out, int option, int minBytes, int preferredBytes, int maxBytes) {
    putHeader(out, option, NbdProtocol.REP_INFO, 14);
    out.putShort((short) NbdProtocol.INFO_BLOCK_SIZE)
        .putInt(minBytes)
        .putInt(preferredBytes)
        .putInt(maxBytes);
  }

  /**
   * A context.
   *
   * @param id what BLOCK_STATUS replies call it; 0 when it is only listed
   */
  public static void putMetaContext(ByteBuffer out, int option, int id, String name) {
    byte[] bytes = bounded(name);
    putHeader(out, option, NbdProtocol.REP_META_CONTEXT, 4 + bytes.length);
    out.putInt(id).put(bytes);
  }

  private static byte[] bounded(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return bytes.length <= NbdLimits.STRING_MAX_BYTES
        ? bytes
        : Arrays.copyOf(bytes, NbdLimits.STRING_MAX_BYTES);
  }
}
