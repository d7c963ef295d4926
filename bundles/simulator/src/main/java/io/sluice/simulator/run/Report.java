package io.sluice.simulator.run;

import io.sluice.simulator.schedule.SimThreads;
import java.io.PrintWriter;
import java.io.StringWriter;

/** What a person gets to see of a failed seed. */
public final class Report {
  private Report() {}

  /**
   * Shrinks a failed run, runs the rest once more with a trace, and tells everything.
   *
   * @param test the test class that replays a seed
   */
  public static String of(
      Simulation.Outcome failed,
      Subject.Factory factory,
      Tampering tampering,
      SimThreads threads,
      String test) {
    Plan small = Shrinker.shrink(failed, factory, tampering, threads);
    Simulation.Outcome traced = Simulation.run(small, factory, tampering, threads, true);
    StringWriter text = new StringWriter();
    PrintWriter out = new PrintWriter(text);
    out.println("seed " + failed.plan().seed() + ": " + failed.failure().getMessage());
    out.println(
        "shrunk from "
            + failed.plan().opCount()
            + " to "
            + small.opCount()
            + " operations, "
            + traced.steps()
            + " steps:");
    out.println(small.describe());
    out.println("--- trace: step, task, what");
    traced.trace().forEach(out::println);
    out.println("--- failure of the shrunk run");
    if (traced.failure() == null) {
      out.println("none: the run is not a function of its seed");
    } else {
      traced.failure().printStackTrace(out);
    }
    out.println("--- replay");
    out.println(
        "mvn -f bundles/simulator/pom.xml test -Dtest="
            + test
            + " -Dsluice.sim.seed="
            + failed.plan().seed());
    out.flush();
    return text.toString();
  }
}
