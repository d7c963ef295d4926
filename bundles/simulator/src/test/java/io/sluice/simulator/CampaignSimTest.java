package io.sluice.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.sluice.simulator.run.BlksnapSubject;
import io.sluice.simulator.run.Campaign;
import io.sluice.simulator.run.PlanGenerator;
import io.sluice.simulator.run.Reach;
import io.sluice.simulator.run.Report;
import io.sluice.simulator.run.Simulation;
import io.sluice.simulator.run.Tampering;
import io.sluice.simulator.schedule.SimThreads;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The engine against many seeds, or against the one of {@code -Dsluice.sim.seed}. */
class CampaignSimTest {
  private static final int REPLAY_COUNT = 50;

  /**
   * Each rare event must have been met this often for each 1000 seeds; the rarest is met 4 times.
   */
  private static final int REACH_MIN_PER_MILLE = 2;

  @Test
  void everySeedHoldsEveryProperty() {
    Assumptions.assumeTrue(Seeds.one().isEmpty(), "one seed is asked for, not the campaign");
    int count = Seeds.count();
    long start = System.nanoTime();
    Campaign.Result result =
        Campaign.run(
            BlksnapSubject::create,
            seed -> Tampering.NONE,
            Seeds.first(),
            count,
            Runtime.getRuntime().availableProcessors());
    System.out.printf(
        "simulator: %d seeds, %d steps, %.1f s%n",
        result.seedCount(), result.stepCount(), (System.nanoTime() - start) / 1e9);
    if (result.failed() != null) {
      fail(report(result.failed()));
    }
    assertEquals(count, result.seedCount());
    StringBuilder missed = new StringBuilder();
    for (Reach event : Reach.values()) {
      long times = result.reached().getOrDefault(event, 0L);
      System.out.printf("simulator: %-26s %d%n", event, times);
      if (times * 1000 < (long) REACH_MIN_PER_MILLE * count) {
        missed.append(' ').append(event).append(" only ").append(times).append(" times;");
      }
    }
    assertEquals("", missed.toString(), "rare events that the campaign did not reach");
  }

  @Test
  void oneSeed() {
    long seed = Seeds.one().orElse(Seeds.first());
    try (SimThreads threads = new SimThreads()) {
      Simulation.Outcome outcome =
          Simulation.run(
              PlanGenerator.plan(seed), BlksnapSubject::create, Tampering.NONE, threads, true);
      if (outcome.failure() != null) {
        fail(report(outcome));
      }
      if (Seeds.one().isPresent()) {
        outcome.trace().forEach(System.out::println);
      }
      assertTrue(outcome.steps() > 0);
    }
  }

  @Test
  void aRunIsAFunctionOfItsSeed() {
    try (SimThreads threads = new SimThreads()) {
      for (long seed = Seeds.first(); seed < Seeds.first() + REPLAY_COUNT; seed++) {
        Simulation.Outcome once = run(seed, threads);
        Simulation.Outcome again = run(seed, threads);
        assertEquals(once.trace(), again.trace(), "trace of seed " + seed);
        assertEquals(once.fingerprint(), again.fingerprint(), "end of seed " + seed);
      }
    }
  }

  private static Simulation.Outcome run(long seed, SimThreads threads) {
    return Simulation.run(
        PlanGenerator.plan(seed), BlksnapSubject::create, Tampering.NONE, threads, true);
  }

  private static String report(Simulation.Outcome failed) {
    try (SimThreads threads = new SimThreads()) {
      return Report.of(failed, BlksnapSubject::create, Tampering.NONE, threads, "CampaignSimTest");
    }
  }
}
