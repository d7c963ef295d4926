package io.sluice.origin.file;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets one flush serve all who asked before it started. While one runs, later callers wait; then
 * one of them flushes for all. A failed flush fails everybody it served: the kernel reports it
 * once.
 */
final class FlushGate {
  /** The flush itself. */
  interface Flush {
    void run() throws ErrnoException;
  }

  private final Flush flush;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition finished = lock.newCondition();
  private boolean running;
  private long startedCount;
  private long finishedCount;
  private long failedNumber;
  private ErrnoException failure;

  FlushGate(Flush flush) {
    this.flush = flush;
  }

  void flush() throws ErrnoException {
    lock.lock();
    try {
      // One that runs already may have passed over this caller's data: it takes the next.
      long needed = startedCount + 1;
      while (running && finishedCount < needed) {
        finished.awaitUninterruptibly();
      }
      if (finishedCount < needed) {
        lead();
      }
      if (failedNumber >= needed) {
        throw new ErrnoException(failure.errno(), failure.text(), failure);
      }
    } finally {
      lock.unlock();
    }
  }

  private void lead() {
    long number = ++startedCount;
    running = true;
    lock.unlock();
    ErrnoException failed = null;
    try {
      flush.run();
    } catch (ErrnoException e) {
      failed = e;
    } catch (RuntimeException e) {
      failed = new ErrnoException(Errno.EIO, "flush: " + e, e);
    } finally {
      lock.lock();
      running = false;
      finishedCount = number;
      if (failed != null) {
        failedNumber = number;
        failure = failed;
      }
      finished.signalAll();
    }
  }

  /** How many callers wait; for tests. */
  int waiterCount() {
    lock.lock();
    try {
      return lock.getWaitQueueLength(finished);
    } finally {
      lock.unlock();
    }
  }
}
