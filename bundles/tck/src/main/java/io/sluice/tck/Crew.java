package io.sluice.tck;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs tasks at the same time, each in a thread of its own, and passes their failures on. */
final class Crew {
  /** No task takes longer, on however slow a machine. */
  private static final long PATIENCE_SECONDS = 60;

  private Crew() {}

  /** Something that one thread does. */
  @FunctionalInterface
  interface Task {
    void run(int index) throws Exception;
  }

  static void run(int count, Task task) throws Exception {
    CyclicBarrier start = new CyclicBarrier(count);
    List<FutureTask<Void>> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int index = i;
      FutureTask<Void> one =
          new FutureTask<>(
              () -> {
                start.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
                task.run(index);
                return null;
              });
      all.add(one);
      Thread thread = new Thread(one, "tck-" + i);
      thread.setDaemon(true);
      thread.start();
    }
    Throwable first = null;
    for (FutureTask<Void> one : all) {
      Throwable failure = failureOf(one);
      first = first == null ? failure : first;
    }
    if (first instanceof Error error) {
      throw error;
    }
    if (first != null) {
      throw (Exception) first;
    }
  }

  private static Throwable failureOf(FutureTask<Void> one) throws InterruptedException {
    try {
      one.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
      return null;
    } catch (TimeoutException e) {
      return Expect.failure("bios of several threads", "done", "stuck");
    } catch (ExecutionException e) {
      return e.getCause();
    }
  }
}
