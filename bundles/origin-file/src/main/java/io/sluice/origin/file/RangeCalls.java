package io.sluice.origin.file;

import io.sluice.block.ErrnoException;

/** What the storage can do to a range without being sent data. */
interface RangeCalls {
  /** Gives the range's space back if the storage can; a hint, so that it can't is no failure. */
  void discard(long offsetBytes, long lengthBytes) throws ErrnoException;

  /**
   * Makes the range read as zeroes.
   *
   * @param unmap whether its space may go
   * @param fastOnly whether it must cost less than writing them
   * @return false, with nothing done, if the storage can't
   */
  boolean zero(long offsetBytes, long lengthBytes, boolean unmap, boolean fastOnly)
      throws ErrnoException;
}
