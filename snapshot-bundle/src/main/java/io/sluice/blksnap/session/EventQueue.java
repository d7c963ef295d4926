package io.sluice.blksnap.session;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SnapshotEvent;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The events of one snapshot, first in, first out; each goes to one waiter. There is at most one
 * {@code corrupted} for each device and one {@code no_space}, so the queue needs no limit of its
 * own.
 */
final class EventQueue {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<SnapshotEvent> events = new ArrayDeque<>();
  private boolean closed;

  void add(SnapshotEvent event) {
    lock.lock();
    try {
      events.add(event);
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  Optional<SnapshotEvent> poll(UUID snapshot, Duration timeout) throws ErrnoException {
    lock.lock();
    try {
      long leftNanos = timeoutNanos(timeout);
      while (events.isEmpty() && !closed && leftNanos > 0) {
        leftNanos = changed.awaitNanos(leftNanos);
      }
      if (events.isEmpty() && closed) {
        throw new ErrnoException(
            Errno.ESRCH, "wait for events of snapshot " + snapshot + ": it was destroyed");
      }
      return Optional.ofNullable(events.poll());
    } catch (InterruptedException e) {
      throw new ErrnoException(
          Errno.EINTR, "wait for events of snapshot " + snapshot + ": interrupted", e);
    } finally {
      lock.unlock();
    }
  }

  private static long timeoutNanos(Duration timeout) {
    // Beyond 292 years a duration has no nanoseconds in a long.
    return timeout.compareTo(Duration.ofDays(365)) > 0
        ? TimeUnit.DAYS.toNanos(365)
        : timeout.toNanos();
  }

  void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
