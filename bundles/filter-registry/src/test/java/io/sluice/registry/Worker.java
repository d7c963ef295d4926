package io.sluice.registry;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.function.Executable;

/** A thread of a test, whose failure reaches the test when it is joined. */
final class Worker {
  final Thread thread;
  private volatile Throwable failure;

  private Worker(String name, Executable body) {
    thread =
        new Thread(
            () -> {
              try {
                body.execute();
              } catch (Throwable e) {
                failure = e;
              }
            },
            name);
    thread.setDaemon(true);
  }

  static Worker start(String name, Executable body) {
    Worker worker = new Worker(name, body);
    worker.thread.start();
    return worker;
  }

  void join() throws Exception {
    TimeUnit.SECONDS.timedJoin(thread, Fixture.PATIENCE.toSeconds());
    assertFalse(thread.isAlive(), () -> thread.getName() + " hangs in " + where());
    if (failure instanceof Exception e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  /** Waits until the thread is parked, which is how one that waits at a gate shows itself. */
  void awaitWaiting() {
    long endNanos = System.nanoTime() + Fixture.PATIENCE.toNanos();
    while (!isWaiting()) {
      assertNotEquals(Thread.State.TERMINATED, thread.getState(), "ended instead of waiting");
      assertFalse(System.nanoTime() > endNanos, () -> "does not wait but is in " + where());
      LockSupport.parkNanos(100_000);
    }
  }

  private boolean isWaiting() {
    return thread.getState() == Thread.State.WAITING
        || thread.getState() == Thread.State.TIMED_WAITING;
  }

  private String where() {
    return java.util.Arrays.toString(thread.getStackTrace());
  }
}
