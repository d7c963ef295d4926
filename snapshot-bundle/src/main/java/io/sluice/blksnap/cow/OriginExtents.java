package io.sluice.blksnap.cow;

import io.sluice.block.ExtentVisitor;

/** What the origin says of a range, kept until it is known to be of the take. */
final class OriginExtents implements ExtentVisitor {
  private static final int EXTENTS_MAX = 256;

  private final long[] lengths = new long[EXTENTS_MAX];
  private final int[] states = new int[EXTENTS_MAX];
  private final long maxBytes;
  private long totalBytes;
  private int count;

  OriginExtents(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    lengths[count] = Math.min(lengthBytes, maxBytes - totalBytes);
    states[count] = state;
    totalBytes += lengths[count];
    count++;
    return count < EXTENTS_MAX && totalBytes < maxBytes;
  }

  /** How far the origin has told. */
  long totalBytes() {
    return totalBytes;
  }

  /** Tells the first part of it; false if the visitor wants no more. */
  boolean replay(long lengthBytes, ExtentVisitor visitor) {
    long left = lengthBytes;
    for (int i = 0; i < count && left > 0; i++) {
      long part = Math.min(lengths[i], left);
      if (!visitor.extent(part, states[i])) {
        return false;
      }
      left -= part;
    }
    return true;
  }
}
