package io.sluice.blksnap.osgi;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/** A lock that writes wait for: an interrupt ends no wait, and is kept for later. */
final class EngineLock extends ReentrantLock {
  private static final long serialVersionUID = 1;

  @Override
  public boolean tryLock(long time, TimeUnit unit) {
    long startNanos = System.nanoTime();
    long leftNanos = unit.toNanos(time);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return super.tryLock(leftNanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
          leftNanos = unit.toNanos(time) - (System.nanoTime() - startNanos);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
