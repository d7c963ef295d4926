package io.sluice.blksnap.diff;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Where threads wait for something to change: each with a limit of its own, or all until one
 * deadline. The edge makes it.
 */
public interface Waiting {
  /** Sets the deadline of all waits without a limit of their own, those that run included. */
  void limit(Duration limit);

  /**
   * Waits until a condition holds. Not interruptible: a write may be waiting.
   *
   * @param condition cheap; asked again after each {@link #changed}
   * @return false if the deadline is past and it does not hold
   */
  boolean until(BooleanSupplier condition);

  /**
   * As {@link #until(BooleanSupplier)}, but at most this long, whatever the deadline is.
   *
   * @return false if the limit is over and it does not hold
   */
  boolean until(BooleanSupplier condition, Duration limit);

  /** Has all who wait ask again. */
  void changed();
}
