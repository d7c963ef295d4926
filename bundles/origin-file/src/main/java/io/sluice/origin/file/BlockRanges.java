package io.sluice.origin.file;

import io.sluice.block.ErrnoException;
import io.sluice.linux.ControlDescriptor;

/**
 * Ranges of a block device. The calls go through the descriptor that holds the exclusive claim;
 * from any other the kernel would refuse them. What the device has once refused is not asked for
 * again.
 */
final class BlockRanges implements RangeCalls {
  private final ControlDescriptor control;
  private volatile boolean discards = true;
  private volatile boolean punches = true;
  private volatile boolean zeroes = true;

  BlockRanges(ControlDescriptor control) {
    this.control = control;
  }

  @Override
  public void discard(long offsetBytes, long lengthBytes) throws ErrnoException {
    if (discards && !control.discardBlocks(offsetBytes, lengthBytes)) {
      discards = false;
    }
  }

  /**
   * A hole is only made if the device can; BLKZEROOUT lets the kernel write the zeroes if it must,
   * and so is of no use to who wants it fast.
   */
  @Override
  public boolean zero(long offsetBytes, long lengthBytes, boolean unmap, boolean fastOnly)
      throws ErrnoException {
    if (unmap && punches) {
      if (control.punchHole(offsetBytes, lengthBytes)) {
        return true;
      }
      punches = false;
    }
    if (fastOnly) {
      return false;
    }
    if (zeroes && !control.zeroBlocks(offsetBytes, lengthBytes)) {
      zeroes = false;
    }
    return zeroes;
  }
}
