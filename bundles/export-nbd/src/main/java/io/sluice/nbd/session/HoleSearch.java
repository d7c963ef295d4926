package io.sluice.nbd.session;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.nbd.codec.Request;

/**
 * Where a large read has zeroes that need not be read or sent. A device without any is asked less
 * and less often. Made to be reused; one thread.
 */
final class HoleSearch implements ExtentVisitor {
  /** Runs of data and zeroes that are told apart in one read; what follows is taken for data. */
  static final int RUNS_MAX = 256;

  /** Shorter runs of zeroes are read and sent. */
  static final int HOLE_MIN_BYTES = 4096;

  /** Reads without a look, at most, after looks in vain that cost little. */
  static final int SKIPPED_LOOKS_MAX = 63;

  /** A look in vain that takes longer is expensive. */
  private static final long LOOK_MAX_NANOS = 500_000;

  /**
   * What looks may cost each read in the mean. A file system may search for a hole up to the file's
   * end, however near the end of the range is: some milliseconds for each GiB that has none.
   */
  private static final long SHARE_NANOS = 4_000;

  private final BlockDevice device;
  private final long[] ends = new long[RUNS_MAX];
  private final boolean[] zeroes = new boolean[RUNS_MAX];
  private int runCount;
  private int current;
  private long lengthBytes;
  private long reachedBytes;
  private boolean pendingZero;
  private long pendingBytes;
  private int skippedLooks;
  private int looksToSkip;

  HoleSearch(BlockDevice device) {
    this.device = device;
  }

  /** Looks at the range of a read that was checked. */
  void look(Request request) {
    runCount = 0;
    current = 0;
    lengthBytes = request.lengthBytes();
    if (looksToSkip > 0) {
      looksToSkip--;
      return;
    }
    reachedBytes = 0;
    pendingBytes = 0;
    long startNanos = System.nanoTime();
    try {
      device.status(request.offsetBytes(), lengthBytes, this);
      endRun();
    } catch (ErrnoException | RuntimeException e) {
      // The read will tell what is wrong with the device.
      runCount = 0;
    }
    boolean found = runCount > 1 || (runCount == 1 && zeroes[0]);
    skippedLooks = found ? 0 : Math.min(2 * skippedLooks + 1, SKIPPED_LOOKS_MAX);
    long costNanos = System.nanoTime() - startNanos;
    boolean expensive = !found && costNanos > LOOK_MAX_NANOS;
    looksToSkip =
        expensive ? (int) Math.min(costNanos / SHARE_NANOS, Integer.MAX_VALUE) : skippedLooks;
  }

  @Override
  public boolean extent(long extentBytes, int state) {
    long clipped = Math.min(extentBytes, lengthBytes - reachedBytes);
    if (clipped <= 0) {
      return false;
    }
    boolean zero = (state & ZERO) != 0;
    if (zero != pendingZero) {
      endRun();
      pendingZero = zero;
    }
    pendingBytes += clipped;
    reachedBytes += clipped;
    return reachedBytes < lengthBytes && runCount < RUNS_MAX;
  }

  private void endRun() {
    if (pendingBytes > 0 && runCount < RUNS_MAX) {
      boolean zero = pendingZero && pendingBytes >= HOLE_MIN_BYTES;
      long start = runCount == 0 ? 0 : ends[runCount - 1];
      if (runCount > 0 && !zero && !zeroes[runCount - 1]) {
        start = runCount == 1 ? 0 : ends[runCount - 2];
        pendingBytes += ends[runCount - 1] - start;
        runCount--;
      }
      ends[runCount] = start + pendingBytes;
      zeroes[runCount++] = zero;
    }
    pendingBytes = 0;
  }

  /**
   * Whether the range has zeroes there.
   *
   * @param atBytes from the range's start, not before where it was asked last
   */
  boolean isZero(long atBytes) {
    while (current < runCount && ends[current] <= atBytes) {
      current++;
    }
    return current < runCount && zeroes[current];
  }

  /** How far what was asked for last goes, from the range's start. */
  long endBytes() {
    return current < runCount ? ends[current] : lengthBytes;
  }
}
