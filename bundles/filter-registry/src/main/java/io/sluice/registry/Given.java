package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import java.nio.ByteBuffer;

/**
 * A bio as it was when a filter was given it, so that what the filter did to it shows, and so that
 * it can go past the filter as its owner meant it. Reused; belongs to the thread of the bio.
 */
final class Given {
  private BioOp op;
  private int flags;
  private long offsetBytes;
  private long lengthBytes;
  private ByteBuffer data;
  private int position;
  private int limit;

  void note(Bio bio) {
    op = bio.op();
    flags = bio.flags();
    offsetBytes = bio.offsetBytes();
    lengthBytes = bio.lengthBytes();
    data = bio.data();
    if (data != null) {
      position = data.position();
      limit = data.limit();
    }
  }

  /** For a call that has no bio but a range. */
  void noteStatus(long fromBytes, long rangeBytes) {
    op = null;
    flags = 0;
    offsetBytes = fromBytes;
    lengthBytes = rangeBytes;
    data = null;
  }

  /** Lets the buffer go: it is the client's. */
  void forget() {
    data = null;
  }

  @SuppressWarnings("ReferenceEquality") // Another buffer with the same bytes is another buffer.
  private boolean isSameBuffer(ByteBuffer other) {
    return other == data;
  }

  /** Whether the bio says what it said; where its buffer's position is by now is another matter. */
  boolean isUnchanged(Bio bio) {
    return bio.op() == op
        && bio.flags() == flags
        && bio.offsetBytes() == offsetBytes
        && bio.lengthBytes() == lengthBytes
        && isSameBuffer(bio.data());
  }

  /** Whether the buffer was filled or read to its end, as that of a completed bio is. */
  boolean isConsumed() {
    return data == null || (data.position() == limit && data.limit() == limit);
  }

  /** Makes the bio what it was, its buffer's position included. */
  void restore(Bio bio) {
    if (data != null) {
      data.limit(limit).position(position);
    }
    if (isUnchanged(bio)) {
      return;
    }
    switch (op) {
      case READ -> bio.read(offsetBytes, data);
      case WRITE -> bio.write(offsetBytes, data, flags);
      case FLUSH -> bio.flush();
      case DISCARD -> bio.discard(offsetBytes, lengthBytes, flags);
      case WRITE_ZEROES -> bio.writeZeroes(offsetBytes, lengthBytes, flags);
    }
  }

  @Override
  public String toString() {
    return (op == null ? "block status of" : op)
        + " "
        + offsetBytes
        + "+"
        + lengthBytes
        + (flags == 0 ? "" : " flags " + flags);
  }
}
