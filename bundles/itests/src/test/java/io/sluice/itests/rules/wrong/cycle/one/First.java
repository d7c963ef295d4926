package io.sluice.itests.rules.wrong.cycle.one;

import io.sluice.itests.rules.wrong.cycle.two.Second;

/** One half of a cycle. */
public final class First {
  Object other = new Second();
}
