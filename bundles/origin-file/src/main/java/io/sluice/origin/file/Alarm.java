package io.sluice.origin.file;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs what is short and waits for nobody once a time has passed, so that a bio asks no clock. */
@FunctionalInterface
public interface Alarm {
  /** Runs {@code task} once, in a thread of its own choice, after {@code delayNanos}. */
  void after(long delayNanos, Runnable task);

  /** By the system's clock. */
  static Alarm ofSystem() {
    // The thread is the JDK's, which has one of this kind anyway.
    return (delayNanos, task) ->
        CompletableFuture.delayedExecutor(delayNanos, TimeUnit.NANOSECONDS, Runnable::run)
            .execute(task);
  }
}
