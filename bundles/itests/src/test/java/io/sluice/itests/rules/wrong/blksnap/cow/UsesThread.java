package io.sluice.itests.rules.wrong.blksnap.cow;

/** A thread in the engine. */
public final class UsesThread {
  Object thread = new Thread();
}
