package io.sluice.fuse.tree;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * How many blocks of a device are allocated, for st_blocks. Each count is a walk over the device's
 * extents, so one that costs much is used for longer: walks take a small share of the time, however
 * often somebody asks. Thread-safe.
 */
final class BlockCount implements ExtentVisitor {
  /** Extents that are looked at; what follows is taken for data. */
  static final int EXTENTS_MAX = 1 << 20;

  /** A walk is done again after this many times what the last one took. */
  private static final int REST_FACTOR = 20;

  private final BlockDevice device;
  private final LongSupplier nanoClock;
  private final ReentrantLock counting = new ReentrantLock();
  private volatile long lastBytes = Long.MAX_VALUE;
  private volatile boolean outdated = true;
  private long countedNanos;
  private long costNanos;
  private long countedSizeBytes;
  private long allocatedBytes;
  private long reachedBytes;
  private int extentsLeft;

  BlockCount(BlockDevice device, LongSupplier nanoClock) {
    this.device = device;
    this.nanoClock = nanoClock;
  }

  /**
   * Allocated sectors of a device of this size; all of them if it does not tell. While one thread
   * counts, others get the last count: a device that hangs keeps one of them.
   */
  long sectorCount(long sizeBytes) {
    if (!counting.tryLock()) {
      return sectors(Math.min(lastBytes, sizeBytes));
    }
    try {
      long now = nanoClock.getAsLong();
      if (outdated
          || sizeBytes != countedSizeBytes
          || now - countedNanos >= REST_FACTOR * costNanos) {
        outdated = false;
        count(sizeBytes);
        lastBytes = allocatedBytes;
        countedNanos = nanoClock.getAsLong();
        costNanos = countedNanos - now;
        countedSizeBytes = sizeBytes;
      }
      return sectors(lastBytes);
    } finally {
      counting.unlock();
    }
  }

  /** The next one who asks gets a new count. */
  void outdate() {
    outdated = true;
  }

  private void count(long sizeBytes) {
    allocatedBytes = 0;
    reachedBytes = 0;
    extentsLeft = EXTENTS_MAX;
    try {
      long before = -1;
      while (reachedBytes < sizeBytes && reachedBytes > before && extentsLeft > 0) {
        before = reachedBytes;
        device.status(reachedBytes, sizeBytes - reachedBytes, this);
      }
    } catch (ErrnoException | RuntimeException e) {
      // Reading tells what is wrong with the device.
    }
    allocatedBytes += Math.max(0, sizeBytes - reachedBytes);
  }

  @Override
  public boolean extent(long lengthBytes, int state) {
    reachedBytes += lengthBytes;
    if ((state & HOLE) == 0) {
      allocatedBytes += lengthBytes;
    }
    return --extentsLeft > 0;
  }

  private static long sectors(long bytes) {
    return (bytes + DeviceGeometry.SECTOR_SIZE_BYTES - 1) / DeviceGeometry.SECTOR_SIZE_BYTES;
  }
}
