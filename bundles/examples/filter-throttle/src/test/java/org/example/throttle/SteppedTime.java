package org.example.throttle;

/** Time that stands still until it is advanced, or, if so told, as long as somebody waits. */
final class SteppedTime implements Time {
  private final boolean parkAdvances;
  private long nowNanos = Long.MAX_VALUE - 1_000_000;
  private int parkedCount;

  private SteppedTime(boolean parkAdvances) {
    this.parkAdvances = parkAdvances;
  }

  /** For one thread: who waits finds that the time has passed. */
  static SteppedTime passingWhileParked() {
    return new SteppedTime(true);
  }

  /** For several threads: they wait until {@link #advance}. */
  static SteppedTime standingStill() {
    return new SteppedTime(false);
  }

  @Override
  public synchronized long nowNanos() {
    return nowNanos;
  }

  @Override
  public synchronized void park(long nanos) {
    if (nanos <= 0) {
      throw new AssertionError("a park of " + nanos + " ns is a busy loop");
    }
    if (parkAdvances) {
      nowNanos += nanos;
      return;
    }
    long untilNanos = nowNanos + nanos;
    parkedCount++;
    notifyAll();
    try {
      while (untilNanos - nowNanos > 0) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      parkedCount--;
    }
  }

  synchronized void advance(long nanos) {
    nowNanos += nanos;
    notifyAll();
  }

  /** Waits until so many threads are parked beyond the present moment. */
  synchronized void awaitParked(int count) throws InterruptedException {
    while (parkedCount != count) {
      wait();
    }
  }
}
