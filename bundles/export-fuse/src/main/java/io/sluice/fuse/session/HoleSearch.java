package io.sluice.fuse.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;

/** Where the next data begin, or the next range that reads as zeroes. Used by one thread. */
final class HoleSearch implements ExtentVisitor {
  private boolean wantZeroes;
  private long reachedBytes;
  private boolean found;

  /**
   * Searches.
   *
   * @param fromBytes inside the device
   * @param wantZeroes whether zeroes are looked for, or data
   * @return where they are, at {@code fromBytes} or behind; the device's size if there are none
   */
  long find(BlockDevice device, long fromBytes, boolean wantZeroes) throws ErrnoException {
    long sizeBytes = device.geometry().sizeBytes();
    this.wantZeroes = wantZeroes;
    found = false;
    reachedBytes = fromBytes & -(long) device.geometry().blockSizeBytes();
    long before = -1;
    while (!found && reachedBytes < sizeBytes && reachedBytes > before) {
      before = reachedBytes;
      device.status(reachedBytes, sizeBytes - reachedBytes, this);
    }
    return found || reachedBytes >= sizeBytes
        ? Math.max(fromBytes, Math.min(reachedBytes, sizeBytes))
        : wantZeroes ? sizeBytes : Math.max(fromBytes, reachedBytes);
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    found = ((state & ZERO) != 0) == wantZeroes;
    if (!found) {
      reachedBytes += lengthBytes;
    }
    return !found;
  }
}
