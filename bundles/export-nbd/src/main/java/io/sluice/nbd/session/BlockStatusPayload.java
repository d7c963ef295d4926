package io.sluice.nbd.session;

import java.nio.ByteBuffer;

/** The payload of a BLOCK_STATUS: how long the range is, and the ids of the contexts wanted. */
final class BlockStatusPayload {
  /** The range's length. */
  static final int LENGTH_BYTES = 8;

  /** One context's id. */
  static final int ID_BYTES = 4;

  private BlockStatusPayload() {}

  /**
   * Whether a payload can have this length, where no id may be there twice.
   *
   * @param payloadBytes unsigned
   */
  static boolean isLength(long payloadBytes, int contextCount) {
    long idsBytes = payloadBytes - LENGTH_BYTES;
    return payloadBytes >= 0
        && idsBytes >= ID_BYTES
        && idsBytes <= (long) contextCount * ID_BYTES
        && idsBytes % ID_BYTES == 0;
  }

  /**
   * The contexts that the rest of a payload names.
   *
   * @param ids from position to limit
   * @return as {@link ContextSelection#all} has it; none if one is there twice, or was not selected
   */
  static int chosen(ByteBuffer ids, ContextSelection contexts) {
    int chosen = 0;
    while (ids.hasRemaining()) {
      int one = contexts.ofId(ids.getInt());
      if (one == 0 || (chosen & one) != 0) {
        return 0;
      }
      chosen |= one;
    }
    return chosen;
  }
}
