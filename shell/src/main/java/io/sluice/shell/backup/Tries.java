package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Tries a step again while the connection to the agent's exports is broken: an exporter that is
 * started anew costs a backup a moment, and not the work of hours. One thread.
 */
final class Tries {
  /** How long a step that needs an export is tried. */
  static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(60);

  private static final long PAUSE_MS = 250;

  private final Health health;
  private final Work work;
  private final LongSupplier nanos;
  private final long limitNanos;
  private int retryCount;

  /**
   * @param limitNanos how long one step is tried; 0 for once
   */
  Tries(Health health, Work work, LongSupplier nanos, long limitNanos) {
    this.health = health;
    this.work = work;
    this.nanos = nanos;
    this.limitNanos = limitNanos;
  }

  /** Whether another try has a chance. */
  @FunctionalInterface
  interface Health {
    /**
     * @throws ErrnoException the true reason of the failure, if there is no hope
     */
    void check() throws ErrnoException;
  }

  /** One step; what it did before it failed may be done twice. */
  @FunctionalInterface
  interface Step {
    /**
     * @throws ErrnoException EIO or ENODEV if it may be tried again
     */
    void run() throws ErrnoException;
  }

  /** How often a step was begun again. */
  int retryCount() {
    return retryCount;
  }

  /**
   * Runs a step until it succeeds.
   *
   * @throws ErrnoException what the step throws, at once or after the time limit; what the health
   *     check says; ECANCELED if the caller gives up
   */
  void run(Step step) throws ErrnoException {
    long startNanos = nanos.getAsLong();
    while (true) {
      try {
        step.run();
        return;
      } catch (ErrnoException e) {
        boolean mayPass = e.errno() == Errno.EIO || e.errno() == Errno.ENODEV;
        if (!mayPass) {
          throw e;
        }
        health.check();
        if (nanos.getAsLong() - startNanos >= limitNanos) {
          throw e;
        }
        work.progress("trying again: " + e.text());
      }
      retryCount++;
      pause();
    }
  }

  private void pause() throws ErrnoException {
    work.check();
    try {
      TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ErrnoException(Errno.EINTR, "interrupted while waiting for the export", e);
    }
  }
}
