package io.sluice.blksnap.diff;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Where threads wait for something to change, all until one deadline. The edge makes it. */
public interface Waiting {
  /** Sets the deadline of all waits, those that run included. */
  void limit(Duration limit);

  /**
   * Waits until a condition holds. Not interruptible: a write may be waiting.
   *
   * @param condition cheap; asked again after each {@link #changed}
   * @return false if the deadline is past and it does not hold
   */
  boolean until(BooleanSupplier condition);

  /** Has all who wait ask again. */
  void changed();
}
