package io.sluice.nbd.codec;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Reads the counted strings of option data, trusting none of the counts. */
final class OptionText {
  private OptionText() {}

  /** A string with its 32-bit length in front. */
  static String takeString(ByteBuffer data, String what) throws MalformedOptionException {
    long lengthBytes = Integer.toUnsignedLong(takeCount(data, 4));
    if (lengthBytes > NbdLimits.STRING_MAX_BYTES || lengthBytes > data.remaining()) {
      throw new MalformedOptionException(
          what
              + " of "
              + lengthBytes
              + " bytes, limit "
              + NbdLimits.STRING_MAX_BYTES
              + ", present "
              + data.remaining());
    }
    byte[] bytes = new byte[(int) lengthBytes];
    data.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** A number of two bytes, unsigned, or of four. */
  static int takeCount(ByteBuffer data, int widthBytes) throws MalformedOptionException {
    if (data.remaining() < widthBytes) {
      throw new MalformedOptionException("the data end after " + data.limit() + " bytes");
    }
    return widthBytes == 2 ? Short.toUnsignedInt(data.getShort()) : data.getInt();
  }
}
