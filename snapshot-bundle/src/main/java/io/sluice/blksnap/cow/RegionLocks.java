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
   * as long as that takes. An interrupt is kept for later.
   *
   * @return null at the limit
   */
  Lock acquire(int word) {
    Lock lock = of(word);
    if (lock.tryLock()) {
      return lock;
    }
    long startNanos = System.nanoTime();
    long leftNanos = limit.toNanos();
    boolean interrupted = false;
    boolean taken = false;
    while (!taken && leftNanos > 0) {
      try {
        taken = lock.tryLock(leftNanos, TimeUnit.NANOSECONDS);
        break;
      } catch (InterruptedException e) {
        interrupted = true;
        leftNanos = limit.toNanos() - (System.nanoTime() - startNanos);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return taken ? lock : null;
  }

  Duration limit() {
    return limit;
  }
}
