package io.sluice.block;

/** Receives the extents of {@link BlockDevice#status}, in order and without gaps. */
@FunctionalInterface
public interface ExtentVisitor {
  /** The extent holds data, or may. */
  int DATA = 0;

  /**
   * The extent takes no space. What it reads is unspecified unless {@link #ZERO} is set as well.
   */
  int HOLE = 1;

  /** The extent reads as zeroes. */
  int ZERO = 2;

  /**
   * One extent, starting where the last one ended and the first one at the offset that was asked
   * for.
   *
   * @param lengthBytes at least 1
   * @param state {@link #DATA}, or any of {@link #HOLE} and {@link #ZERO}
   * @return false to be told no more
   */
  boolean extent(long lengthBytes, int state);
}
