package io.sluice.blksnap.cow;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/** The locks of a device's chunks: one for each word of 64 chunks, many words sharing one. */
final class RegionLocks {
  private static final int LOCK_COUNT = 256;

  private final Lock[] locks = new Lock[LOCK_COUNT];
  private final Duration limit;

  /**
   * @param limit how long a write waits for one
   */
  RegionLocks(Supplier<Lock> locks, Duration limit) {
    this.limit = limit;
    for (int i = 0; i < LOCK_COUNT; i++) {
      this.locks[i] = locks.get();
    }
  }

  Lock of(int word) {
    return locks[(word * 0x9E3779B9) >>> 24];
  }

  /**
   * Takes a word's lock for a write. Its holder may be an image's writer, who waits for the store
   * as long as that takes.
   *
   * @return null at the limit
   */
  Lock acquire(int word) {
    Lock lock = of(word);
    try {
      return lock.tryLock() || lock.tryLock(limit.toNanos(), TimeUnit.NANOSECONDS) ? lock : null;
    } catch (InterruptedException e) {
      throw new IllegalStateException("the engine's locks take no notice of interrupts", e);
    }
  }

  Duration limit() {
    return limit;
  }
}
