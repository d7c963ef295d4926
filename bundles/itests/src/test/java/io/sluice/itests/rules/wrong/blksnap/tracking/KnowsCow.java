package io.sluice.itests.rules.wrong.blksnap.tracking;

import io.sluice.itests.rules.wrong.blksnap.cow.UsesThread;

/** The first package of the flow, which knows a later one. */
public final class KnowsCow {
  Object later = new UsesThread();
}
