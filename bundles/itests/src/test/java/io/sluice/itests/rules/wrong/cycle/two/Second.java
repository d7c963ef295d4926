package io.sluice.itests.rules.wrong.cycle.two;

import io.sluice.itests.rules.wrong.cycle.one.First;

/** The other half of a cycle. */
public final class Second {
  First other;
}
