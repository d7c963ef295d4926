package io.sluice.origin.file;

import io.sluice.block.ErrnoException;
import io.sluice.linux.ControlDescriptor;

/**
 * Ranges of a regular file, by fallocate. What the file system has once refused is not asked for
 * again. Ends inside a block of the file system are fine: the kernel zeroes those bytes.
 */
final class FileRanges implements RangeCalls {
  private final ControlDescriptor control;
  private volatile boolean punches = true;
  private volatile boolean zeroes = true;

  FileRanges(ControlDescriptor control) {
    this.control = control;
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes) throws ErrnoException {
    punch(offsetBytes, lengthBytes);
  }

  /** Both ways change the file's map of extents only, so all zeroing here is fast. */
  @Override
  public boolean zero(long offsetBytes, long lengthBytes, boolean unmap, boolean fastOnly)
      throws ErrnoException {
    if (unmap && punch(offsetBytes, lengthBytes)) {
      return true;
    }
    if (zeroes && !control.zeroRange(offsetBytes, lengthBytes)) {
      zeroes = false;
    }
    return zeroes;
  }

  private boolean punch(long offsetBytes, long lengthBytes) throws ErrnoException {
    if (punches && !control.punchHole(offsetBytes, lengthBytes)) {
      punches = false;
    }
    return punches;
  }
}
