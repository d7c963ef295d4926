package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts the bios inside a device, and holds new ones back while it is closed.
 *
 * <p>To enter is to count oneself in and then to look whether the gate is open; to close is to shut
 * the gate and then to look whether anybody is counted in. Both sides write before they read (as in
 * Dekker's algorithm), and all four accesses are volatile, so at least one of the two sees the
 * other: either the bio backs off or the closer waits for it. The price of an open gate is two
 * atomic additions to a cache line that no other processor uses, and two reads.
 *
 * <p>The small steps that {@link #enter} and {@link #exit} are made of are methods of their own, so
 * that a test can stop between them.
 */
class Gate {
  /** Longs from one counter to the next: 128 bytes, because processors fetch lines in pairs. */
  private static final int STRIDE = 16;

  private static final int STRIPE_MAX_COUNT = 64;

  private static final int OPEN = 0;
  private static final int CLOSED = 1;
  private static final int SHUT = 2;

  private final String what;
  private final int stripeMask;

  /**
   * Those inside, by stripe. The first stripe starts one stride in, away from the array's header.
   */
  private final AtomicLongArray counts;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition opened = lock.newCondition();
  private final Condition drained = lock.newCondition();

  /** Written under the lock, read without it. */
  private volatile int state = OPEN;

  /**
   * @param what the gate's owner, for the error of one that is shut: {@code "device disk"}
   * @param stripeCount how many threads can enter without sharing a cache line: a power of two
   */
  Gate(String what, int stripeCount) {
    this.what = what;
    this.stripeMask = stripeCount - 1;
    this.counts = new AtomicLongArray((stripeCount + 1) * STRIDE);
  }

  /** A gate for a data path: with four stripes for each processor. */
  static Gate ofDataPath(String what) {
    int wanted = 4 * Runtime.getRuntime().availableProcessors();
    int stripeCount = Integer.highestOneBit(Math.min(wanted, STRIPE_MAX_COUNT));
    return new Gate(what, stripeCount);
  }

  /**
   * Goes in, waiting while the gate is closed. An interrupt does not end the waiting: a client's
   * write must not fail because of it. The flag is kept.
   *
   * @return what to hand to {@link #exit}
   * @throws ErrnoException ESHUTDOWN if the gate is shut, or shut while this waits
   */
  int enter() throws ErrnoException {
    int stripe = ((int) Thread.currentThread().getId() & stripeMask) + 1;
    while (true) {
      count(stripe);
      if (isOpen()) {
        return stripe;
      }
      exit(stripe);
      awaitOpen();
    }
  }

  /** Goes out. */
  void exit(int stripe) {
    uncount(stripe);
    if (!isOpen()) {
      wakeCloser();
    }
  }

  void count(int stripe) {
    counts.getAndIncrement(stripe * STRIDE);
  }

  void uncount(int stripe) {
    counts.getAndDecrement(stripe * STRIDE);
  }

  boolean isOpen() {
    return state == OPEN;
  }

  /** Taking the lock, because the closer looks at the counters with the lock held. */
  void wakeCloser() {
    lock.lock();
    try {
      drained.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void awaitOpen() throws ErrnoException {
    lock.lock();
    try {
      while (state == CLOSED) {
        opened.awaitUninterruptibly();
      }
      if (state == SHUT) {
        throw new ErrnoException(Errno.ESHUTDOWN, what + " is removed and takes no more I/O");
      }
    } finally {
      lock.unlock();
    }
  }

  /** Holds back whoever comes from now on. Does not wait for those inside. */
  void close() {
    moveTo(CLOSED);
  }

  /** Lets everybody in again. */
  void open() {
    moveTo(OPEN);
  }

  /** Turns everybody away for good with ESHUTDOWN, those that wait too. */
  void shut() {
    moveTo(SHUT);
  }

  private void moveTo(int next) {
    lock.lock();
    try {
      if (state != SHUT) {
        state = next;
      }
      opened.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until nobody is inside. Makes sense on a gate that is closed or shut. An interrupt does
   * not end the waiting; the flag is kept.
   *
   * @param limitNanos 0 or less to look once
   * @return false if somebody is still inside at the limit
   */
  boolean awaitDrained(long limitNanos) {
    long startNanos = System.nanoTime();
    boolean interrupted = false;
    lock.lock();
    try {
      while (!isDrained()) {
        long leftNanos = limitNanos - (System.nanoTime() - startNanos);
        if (leftNanos <= 0) {
          return false;
        }
        try {
          // The time left is computed anew from the clock, since an interrupt loses the result.
          long unused = drained.awaitNanos(leftNanos);
        } catch (InterruptedException e) {
          interrupted = true;
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

  /**
   * Each stripe is looked at by itself: a bio leaves by the stripe it came in by, so no stripe is
   * ever below 0, and one that was seen at 0 after the closing has nobody who stays.
   */
  private boolean isDrained() {
    for (int stripe = 1; stripe <= stripeMask + 1; stripe++) {
      if (counts.get(stripe * STRIDE) != 0) {
        return false;
      }
    }
    return true;
  }

  /** How many are inside, about: the stripes are read one after the other. */
  long insideCount() {
    long sum = 0;
    for (int stripe = 1; stripe <= stripeMask + 1; stripe++) {
      sum += counts.get(stripe * STRIDE);
    }
    return sum;
  }
}
