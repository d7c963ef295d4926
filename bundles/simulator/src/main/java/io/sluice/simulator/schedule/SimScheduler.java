package io.sluice.simulator.schedule;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/**
 * Runs tasks one at a time, each on a thread of its own, and chooses at every switch point which
 * one goes on. The choice comes from the seed alone, so a run is logically single-threaded and a
 * pure function of its seed, while the code under test keeps its ordinary blocking shape.
 *
 * <p>The baton is what makes it so: a thread runs only while it holds it, and everything here is
 * touched only by its holder. The hand-over is the one volatile write of {@link
 * SimThreads.Carrier}.
 */
public final class SimScheduler {
  /** Far above what any run needs; a task that spins without waiting gets there. */
  private static final int STEPS_MAX = 2_000_000;

  private static final long WATCH_NANOS = 2_000_000_000L;
  private static final int STUCK_WATCHES = 10;

  private final SimThreads threads;
  private final SimRandom random;
  private final int switchPerMille;
  private final List<SimTask> unfinished = new ArrayList<>();
  private final List<SimTask> runnable = new ArrayList<>();
  private SimTask current;
  private Throwable failure;
  private boolean aborting;
  private int steps;
  private Thread controller;
  private volatile boolean over;

  /**
   * @param switchPerMille how often a switch point really switches; 0 runs each task until it has
   *     to wait
   */
  public SimScheduler(SimThreads threads, SimRandom random, int switchPerMille) {
    this.threads = threads;
    this.random = random;
    this.switchPerMille = switchPerMille;
  }

  /**
   * Runs {@code main} and all that it spawns to the end.
   *
   * @return what went wrong first, or null
   */
  public Throwable run(Runnable main) {
    controller = Thread.currentThread();
    spawn("main", main);
    passTo(runnable.get(0));
    int lastSteps = -1;
    int idleWatches = 0;
    while (!over) {
      LockSupport.parkNanos(this, WATCH_NANOS);
      idleWatches = steps == lastSteps ? idleWatches + 1 : 0;
      lastSteps = steps;
      if (!over && idleWatches > STUCK_WATCHES) {
        return stuck();
      }
    }
    return failure;
  }

  private SimFailure stuck() {
    StringBuilder text = new StringBuilder("P0 stuck: a task blocks its thread outside the seams:");
    for (SimTask task : List.copyOf(unfinished)) {
      text.append("\n  ").append(task);
      if (task == current && task.carrier != null) {
        for (StackTraceElement frame : task.carrier.getStackTrace()) {
          text.append("\n    at ").append(frame);
        }
      }
    }
    return new SimFailure(text.toString());
  }

  /** Starts a task; it runs when it is chosen. */
  public SimTask spawn(String name, Runnable body) {
    SimTask task = new SimTask(name, body);
    unfinished.add(task);
    runnable.add(task);
    return task;
  }

  /** The task that runs now. */
  public SimTask current() {
    return current;
  }

  /** Switch points passed so far: the run's time. */
  public int steps() {
    return steps;
  }

  /** Whether the run has failed and its tasks are being unwound. */
  public boolean aborting() {
    return aborting;
  }

  /**
   * Ends the run with a failure, whatever the code under test makes of the exception: it may catch
   * all it can to protect the origin.
   */
  public SimFailure fail(SimFailure first) {
    if (failure == null) {
      failure = first;
    }
    aborting = true;
    return first;
  }

  /** A switch point: another task may run before this returns. */
  public void yieldPoint() {
    if (aborting) {
      throw new SimAbort();
    }
    if (++steps > STEPS_MAX) {
      throw fail(new SimFailure("P0 livelock: " + STEPS_MAX + " steps, and no end: " + waiting()));
    }
    if (runnable.size() > 1 && random.chance(switchPerMille)) {
      SimTask next = runnable.get(random.below(runnable.size()));
      if (next != current) {
        SimTask me = current;
        passTo(next);
        resume(me);
      }
    }
  }

  /** Waits until {@link #wake} is called for this task. */
  void block(String waitingFor) {
    if (aborting) {
      throw new SimAbort();
    }
    SimTask me = current;
    me.waitingFor = waitingFor;
    runnable.remove(me);
    if (runnable.isEmpty()) {
      throw fail(new SimFailure("P0 deadlock: " + waiting()));
    }
    passTo(runnable.get(random.below(runnable.size())));
    resume(me);
  }

  void wake(SimTask task) {
    if (task.waitingFor != null && !task.finished) {
      task.waitingFor = null;
      runnable.add(task);
    }
  }

  /** One of the first {@code count} things, by the seed. */
  int choose(int count) {
    return count == 1 ? 0 : random.below(count);
  }

  private String waiting() {
    return unfinished.stream().map(SimTask::toString).collect(Collectors.joining("; "));
  }

  private void resume(SimTask me) {
    me.carrier.awaitBaton();
    if (aborting) {
      throw new SimAbort();
    }
  }

  private void passTo(SimTask next) {
    current = next;
    if (next.carrier == null) {
      next.carrier = threads.take();
      next.carrier.work = () -> carry(next);
    }
    next.carrier.pass();
  }

  /** A task's bottom: runs it, and passes the baton on when it is through. */
  private void carry(SimTask task) {
    try {
      if (!aborting) {
        task.body.run();
      }
    } catch (SimAbort e) {
      // Another task's failure is on record.
    } catch (Throwable e) {
      if (failure == null) {
        failure = e;
      }
      aborting = true;
    }
    task.finished = true;
    unfinished.remove(task);
    runnable.remove(task);
    threads.giveBack(task.carrier);
    if (unfinished.isEmpty()) {
      over = true;
      LockSupport.unpark(controller);
    } else if (aborting) {
      passTo(unfinished.get(unfinished.size() - 1));
    } else if (runnable.isEmpty()) {
      failure = new SimFailure("P0 deadlock: " + waiting());
      aborting = true;
      passTo(unfinished.get(unfinished.size() - 1));
    } else {
      passTo(runnable.get(random.below(runnable.size())));
    }
  }
}
