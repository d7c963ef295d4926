package io.sluice.simulator;

import io.sluice.simulator.run.Tampering;
import java.util.List;

/**
 * A deliberate bug at a seam of the engine, as the engine might have it. It names the properties it
 * breaks and the seeds within which it must be found out.
 */
interface Mutant extends Tampering {
  /** The properties it breaks: {@code "P2 P4"}. */
  String properties();

  /** Within how many seeds it must be found out. */
  int seedBudget();

  /** Whether a failure of this property is what the mutant deserves: {@code "P2 image"}. */
  default boolean breaks(String property) {
    return List.of(properties().split(" ")).contains(property.substring(0, 2));
  }
}
