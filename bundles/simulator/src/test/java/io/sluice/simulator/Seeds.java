package io.sluice.simulator;

import java.util.OptionalLong;

/** The seeds that the command line asks for. */
final class Seeds {
  private Seeds() {}

  /** {@code sluice.sim.seed}: the one to replay. */
  static OptionalLong one() {
    String text = System.getProperty("sluice.sim.seed", "");
    return text.isEmpty() ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(text));
  }

  /** {@code sluice.sim.seeds}: how many the campaign runs. */
  static int count() {
    return Integer.getInteger("sluice.sim.seeds", 10_000);
  }

  /** {@code sluice.sim.first}: the first one. */
  static long first() {
    return Long.getLong("sluice.sim.first", 1L);
  }
}
