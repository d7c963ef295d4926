package io.sluice.simulator.run;

import java.nio.ByteBuffer;

/** Buffers for bios in the shapes that clients use, with guards around the payload. */
final class Buffers {
  private static final byte GUARD = (byte) 0xA5;
  private static final int GUARD_BYTES = 8;

  private Buffers() {}

  /** A buffer for {@code lengthBytes}, direct or not, its payload at the start or within. */
  static ByteBuffer make(int lengthBytes, int variant) {
    int before = (variant & 1) == 0 ? 0 : GUARD_BYTES;
    int size = before + lengthBytes + GUARD_BYTES;
    ByteBuffer buffer =
        (variant & 2) == 0 ? ByteBuffer.allocate(size) : ByteBuffer.allocateDirect(size);
    for (int i = 0; i < size; i++) {
      buffer.put(i, GUARD);
    }
    return buffer.position(before).limit(before + lengthBytes);
  }

  private static byte at(ByteBuffer buffer, int index) {
    // Beyond the limit an absolute get is refused.
    return buffer.duplicate().clear().get(index);
  }

  /** Whether a completed bio left the buffer as it must; else what is wrong. */
  static String judge(ByteBuffer buffer, int lengthBytes) {
    int before = buffer.limit() - lengthBytes;
    if (buffer.position() != buffer.limit() || (before != 0 && before != GUARD_BYTES)) {
      return "the buffer is left at position "
          + buffer.position()
          + ", limit "
          + buffer.limit()
          + ", for "
          + lengthBytes
          + " bytes";
    }
    for (int i = 0; i < buffer.capacity(); i++) {
      if ((i < before || i >= buffer.limit()) && at(buffer, i) != GUARD) {
        return "byte " + i + " outside the payload was written";
      }
    }
    return null;
  }
}
