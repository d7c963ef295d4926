package io.sluice.simulator.run;

import io.sluice.simulator.device.Faults;
import io.sluice.simulator.schedule.SimThreads;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes a failing plan small: drops faults, tasks and operations while the same property fails. The
 * schedule stays a function of the seed, so what is left fails by itself.
 */
public final class Shrinker {
  private static final int RUNS_MAX = 600;

  private final Subject.Factory factory;
  private final Tampering tampering;
  private final SimThreads threads;
  private final String property;
  private Plan best;
  private int runs;

  private Shrinker(
      Simulation.Outcome failed, Subject.Factory factory, Tampering tampering, SimThreads threads) {
    this.factory = factory;
    this.tampering = tampering;
    this.threads = threads;
    this.best = failed.plan();
    this.property = propertyOf(failed.failure());
  }

  /** The smallest plan found that fails as this outcome did; perhaps its own. */
  public static Plan shrink(
      Simulation.Outcome failed, Subject.Factory factory, Tampering tampering, SimThreads threads) {
    return new Shrinker(failed, factory, tampering, threads).shrink();
  }

  /** The property's name: what stands before the first colon. */
  public static String propertyOf(Throwable failure) {
    String text = String.valueOf(failure.getMessage());
    int colon = text.indexOf(':');
    return colon < 0 ? failure.getClass().getName() : text.substring(0, colon);
  }

  private Plan shrink() {
    int before;
    do {
      before = size(best);
      dropFaults();
      for (int task = best.tasks().size() - 1; task >= 0; task--) {
        dropOps(task);
      }
    } while (size(best) < before && runs < RUNS_MAX);
    return best;
  }

  private static int size(Plan plan) {
    return plan.opCount() + plan.faults().size();
  }

  private boolean stillFails(Plan candidate) {
    if (runs >= RUNS_MAX) {
      return false;
    }
    runs++;
    Throwable failure = Simulation.run(candidate, factory, tampering, threads, false).failure();
    if (failure == null || !propertyOf(failure).equals(property)) {
      return false;
    }
    best = candidate;
    return true;
  }

  private void dropFaults() {
    for (int i = best.faults().size() - 1; i >= 0; i--) {
      List<Faults.Fault> fewer = new ArrayList<>(best.faults());
      fewer.remove(i);
      stillFails(best.withFaults(fewer));
    }
  }

  /** Drops halves, quarters, and at last single operations. */
  private void dropOps(int task) {
    int piece = best.tasks().get(task).ops().size();
    while (piece > 0) {
      int at = best.tasks().get(task).ops().size() - piece;
      for (; at > -piece; at -= piece) {
        List<SimOp> ops = new ArrayList<>(best.tasks().get(task).ops());
        ops.subList(Math.max(at, 0), Math.max(at + piece, 0)).clear();
        List<Plan.Task> tasks = new ArrayList<>(best.tasks());
        tasks.set(task, new Plan.Task(tasks.get(task).name(), ops));
        stillFails(best.withTasks(tasks));
      }
      piece /= 2;
    }
  }
}
