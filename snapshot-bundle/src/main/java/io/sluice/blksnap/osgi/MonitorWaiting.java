package io.sluice.blksnap.osgi;

import io.sluice.blksnap.diff.Waiting;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/** {@link Waiting} by a lock and the clock. */
final class MonitorWaiting implements Waiting {
  /** For conditions whose change nobody tells: a bundle that has come up. */
  private static final long LOOK_AGAIN_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private long deadlineNanos = System.nanoTime();

  @Override
  public void limit(Duration limit) {
    lock.lock();
    try {
      deadlineNanos = System.nanoTime() + limit.toNanos();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean until(BooleanSupplier condition) {
    return until(condition, () -> deadlineNanos);
  }

  @Override
  public boolean until(BooleanSupplier condition, Duration limit) {
    long ownDeadlineNanos = System.nanoTime() + limit.toNanos();
    return until(condition, () -> ownDeadlineNanos);
  }

  private boolean until(BooleanSupplier condition, LongSupplier deadline) {
    boolean interrupted = false;
    lock.lock();
    try {
      while (!condition.getAsBoolean()) {
        long leftNanos = deadline.getAsLong() - System.nanoTime();
        if (leftNanos <= 0) {
          return false;
        }
        try {
          long unused = changed.awaitNanos(Math.min(leftNanos, LOOK_AGAIN_NANOS));
        } catch (InterruptedException e) {
          interrupted = true; // whoever waits here has a write to pass
        }
      }
      return true;
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void changed() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
