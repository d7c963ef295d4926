package io.sluice.blksnap.osgi;

import io.sluice.block.ErrnoException;
import io.sluice.linux.Freezable;
import io.sluice.snapshot.FreezeInfo;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Freezes one file system, and thaws it again: when it is told to, at the latest at a time limit,
 * and at once if it was told so before the freeze was done. So who freezes may give up, and nothing
 * stays frozen.
 */
final class FreezeThread extends Thread {
  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");

  /** Finds what is mounted at a path. */
  @FunctionalInterface
  interface Opener {
    Freezable open(String mountPoint) throws ErrnoException;
  }

  private final String mountPoint;
  private final boolean named;
  private final Opener opener;
  private final Duration frozenLimit;
  private final CountDownLatch settled = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile ErrnoException refusal;
  private volatile String warning = "";
  private volatile long frozenNanos;

  /**
   * @param named whether somebody named it: what was found may be refused, or have gone meanwhile,
   *     and then it is only told
   */
  FreezeThread(String mountPoint, boolean named, Opener opener, Duration frozenLimit) {
    super("sluice-freeze");
    this.mountPoint = mountPoint;
    this.named = named;
    this.opener = opener;
    this.frozenLimit = frozenLimit;
  }

  @Override
  public void run() {
    try (Freezable fileSystem = opener.open(mountPoint)) {
      if (froze(fileSystem)) {
        long fromNanos = System.nanoTime();
        settled.countDown();
        if (!await(released, System.nanoTime() + frozenLimit.toNanos())) {
          warn("thawed after " + frozenLimit.toSeconds() + " s, before the cut was done");
        }
        thaw(fileSystem);
        frozenNanos = System.nanoTime() - fromNanos;
      }
    } catch (ErrnoException e) {
      if (named) {
        refusal = e;
      } else {
        warn("not frozen: " + e.getMessage());
      }
    } catch (RuntimeException | Error e) {
      warn(e.toString());
      throw e;
    } finally {
      settled.countDown();
      ended.countDown();
    }
  }

  private boolean froze(Freezable fileSystem) {
    try {
      fileSystem.freeze();
      return true;
    } catch (ErrnoException failed) {
      try {
        fileSystem.sync();
        warn("not frozen, only written out: " + failed.getMessage());
      } catch (ErrnoException e) {
        warn("neither frozen (" + failed.getMessage() + ") nor written out: " + e.getMessage());
      }
      return false;
    }
  }

  private void thaw(Freezable fileSystem) {
    try {
      fileSystem.thaw();
    } catch (ErrnoException e) {
      warn(e.getMessage() + "; if its writes hang, run fsfreeze -u " + mountPoint);
      LOG.log(System.Logger.Level.ERROR, warning); // the take may be over, and nobody looks
    }
  }

  private void warn(String text) {
    warning = "file system at " + mountPoint + ": " + text;
  }

  /**
   * Waits until it is known how the freeze went.
   *
   * @throws ErrnoException if the path is none to be frozen
   */
  void awaitSettled(long deadlineNanos) throws ErrnoException {
    if (!await(settled, deadlineNanos)) {
      warn("not frozen in time; the image has what had been written out by then");
      release();
    }
    if (refusal != null) {
      throw refusal;
    }
  }

  /** Lets the file system be thawed, now or as soon as it is frozen. */
  void release() {
    released.countDown();
  }

  /** After {@link #release()}, waits for the thaw of what was frozen in time. */
  FreezeInfo awaitThawed(long deadlineNanos) {
    boolean inTime = settled.getCount() == 0;
    if (inTime && !await(ended, deadlineNanos) && warning.isEmpty()) {
      warn("the thaw takes its time; if its writes hang, run fsfreeze -u " + mountPoint);
    }
    return new FreezeInfo(mountPoint, frozenNanos, warning);
  }

  /** By then; keeps the interrupt of whoever waits here. */
  private static boolean await(CountDownLatch latch, long deadlineNanos) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return latch.await(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
