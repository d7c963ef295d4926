package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Looks every now and then after filters that take too long and origins that are lost. Does nothing
 * by itself: one thread runs {@link #run}, or, for a test, calls {@link #tick}.
 */
public final class Watch implements Runnable, AutoCloseable {
  static final Duration PERIOD_MIN = Duration.ofMillis(10);
  static final Duration PERIOD_MAX = Duration.ofSeconds(1);
  static final Duration LOSS_PERIOD = Duration.ofSeconds(3);

  /** A call limit is kept to about this part of it, at best. */
  private static final int PERIODS_PER_LIMIT = 8;

  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  final CallStacks stacks;
  private final LongSupplier nanoClock;
  private final Executor notices;
  private volatile Supplier<List<LiveDevice>> devices = List::of;

  /** Those of the ticks; guarded by this. */
  private long lastTickNanos;

  private long periodNanos = PERIOD_MAX.toNanos();
  private long sinceLossNanos;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Guarded by the lock. */
  private boolean woken;

  private boolean closed;

  Watch(LongSupplier nanoClock, Executor notices) {
    this.nanoClock = nanoClock;
    this.notices = notices;
    this.stacks = new CallStacks(nanoClock, notices);
    this.lastTickNanos = nanoClock.getAsLong();
  }

  void follow(Supplier<List<LiveDevice>> all) {
    devices = all;
  }

  /** There is a device or a filter more. */
  void wake() {
    lock.lock();
    try {
      woken = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * One look at everything.
   *
   * @return after how many nanoseconds the next one is due; {@link Long#MAX_VALUE} for not before
   *     there is a device
   */
  synchronized long tick() {
    List<LiveDevice> all = devices.get();
    long wantedNanos = all.isEmpty() ? Long.MAX_VALUE : LOSS_PERIOD.toNanos();
    for (LiveDevice device : all) {
      for (AttachedFilter filter : device.chain().filters()) {
        wantedNanos = Math.min(wantedNanos, periodOf(filter.callLimitNanos));
      }
    }
    long now = nanoClock.getAsLong();
    // If the process stood still, so did the filters: no tick counts for more than two.
    long elapsedNanos = Math.max(0, Math.min(now - lastTickNanos, 2 * periodNanos));
    lastTickNanos = now;
    periodNanos = Math.min(wantedNanos, PERIOD_MAX.toNanos());
    stacks.look(elapsedNanos);
    lookForLosses(all, elapsedNanos);
    return wantedNanos;
  }

  private static long periodOf(long limitNanos) {
    long nanos = Math.max(limitNanos / PERIODS_PER_LIMIT, PERIOD_MIN.toNanos());
    return Math.min(nanos, PERIOD_MAX.toNanos());
  }

  /** Elsewhere, since an origin that hangs must not keep the watch from its other duty. */
  private void lookForLosses(List<LiveDevice> all, long elapsedNanos) {
    sinceLossNanos += elapsedNanos;
    if (sinceLossNanos >= LOSS_PERIOD.toNanos()) {
      sinceLossNanos = 0;
      all.forEach(device -> notices.execute(device.loss::look));
    }
  }

  /** Ticks until {@link #close}. An interrupt does not end it. */
  @Override
  public void run() {
    while (true) {
      long waitNanos = PERIOD_MAX.toNanos();
      try {
        waitNanos = tick();
      } catch (Throwable fault) {
        // Out of memory, or threads: it may pass, and the watch must not end with it.
        Faults.log(LOG, ERROR, "the watch over filters failed: " + OneLine.of(fault), fault);
      }
      if (!sleep(waitNanos)) {
        return;
      }
    }
  }

  /** Whether to go on. */
  private boolean sleep(long waitNanos) {
    lock.lock();
    try {
      long leftNanos = waitNanos;
      while (!closed && !woken && leftNanos > 0) {
        leftNanos = changed.awaitNanos(leftNanos);
      }
    } catch (InterruptedException e) {
      // It ticks early, then.
    } finally {
      woken = false;
      lock.unlock();
    }
    return !closed();
  }

  private boolean closed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** Ends {@link #run}. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
