package io.sluice.simulator.run;

import io.sluice.simulator.schedule.SimThreads;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongFunction;

/** Runs many seeds, on as many processors as there are; each run is by itself as ever. */
public final class Campaign {
  /**
   * What came of it.
   *
   * @param seedCount seeds run
   * @param stepCount switch points passed in all
   * @param reached how often each {@link Reach} occurred in all
   * @param failed the failed run with the lowest seed, or null
   */
  public record Result(
      int seedCount, long stepCount, Map<Reach, Long> reached, Simulation.Outcome failed) {}

  private final Subject.Factory factory;
  private final LongFunction<Tampering> tampering;
  private final AtomicLong next;
  private final long endSeed;
  private final AtomicReference<Simulation.Outcome> failed = new AtomicReference<>();
  private final Map<Reach, Long> reached = new EnumMap<>(Reach.class);
  private int seedCount;
  private long stepCount;

  private Campaign(
      Subject.Factory factory, LongFunction<Tampering> tampering, long firstSeed, int count) {
    this.factory = factory;
    this.tampering = tampering;
    this.next = new AtomicLong(firstSeed);
    this.endSeed = firstSeed + count;
  }

  /**
   * Runs seeds until one fails or all are through.
   *
   * @param tampering made anew for each seed, since a mutant may have state
   */
  public static Result run(
      Subject.Factory factory,
      LongFunction<Tampering> tampering,
      long firstSeed,
      int count,
      int workerCount) {
    return new Campaign(factory, tampering, firstSeed, count).run(workerCount);
  }

  private Result run(int workerCount) {
    List<Thread> workers = new ArrayList<>();
    for (int i = 0; i < workerCount; i++) {
      Thread worker = new Thread(this::work, "sim-campaign-" + i);
      worker.start();
      workers.add(worker);
    }
    for (Thread worker : workers) {
      join(worker);
    }
    return new Result(seedCount, stepCount, reached, failed.get());
  }

  private static void join(Thread worker) {
    boolean interrupted = false;
    while (worker.isAlive()) {
      try {
        worker.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void work() {
    try (SimThreads threads = new SimThreads()) {
      for (long seed = next.getAndIncrement(); seed < endSeed; seed = next.getAndIncrement()) {
        Simulation.Outcome failure = failed.get();
        if (failure != null && failure.plan().seed() < seed) {
          return;
        }
        note(
            Simulation.run(
                PlanGenerator.plan(seed), factory, tampering.apply(seed), threads, false));
      }
    }
  }

  private synchronized void note(Simulation.Outcome outcome) {
    seedCount++;
    stepCount += outcome.steps();
    outcome.reached().forEach((event, times) -> reached.merge(event, (long) times, Long::sum));
    Simulation.Outcome other = failed.get();
    if (outcome.failure() != null
        && (other == null || other.plan().seed() > outcome.plan().seed())) {
      failed.set(outcome);
    }
  }
}
