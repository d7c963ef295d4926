package io.sluice.itests.rules.wrong.blksnap.cow;

/** A clock in the engine. */
public final class AsksTheClock {
  long now = System.nanoTime();
}
