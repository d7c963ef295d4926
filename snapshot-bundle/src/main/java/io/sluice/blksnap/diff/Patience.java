package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * How long writers wait for a store: each at most the limit, and once one has waited in vain, the
 * others not at all, until the store shows a sign of life. So no write waits for the sum of others'
 * limits.
 */
final class Patience {
  private final Waiting waiting;
  private final Duration limit;
  private volatile boolean over;

  Patience(Waiting waiting, Duration limit) {
    this.waiting = waiting;
    this.limit = limit;
  }

  /**
   * Waits until a condition holds.
   *
   * @param store for people
   * @param what did not happen, for people
   * @throws ErrnoException ETIMEDOUT
   */
  void await(BooleanSupplier condition, String store, String what) throws ErrnoException {
    boolean held = !over && waiting.until(() -> over || condition.getAsBoolean(), limit);
    if (condition.getAsBoolean()) {
      return;
    }
    if (!held) {
      over = true;
      waiting.changed();
    }
    throw new ErrnoException(
        Errno.ETIMEDOUT,
        store
            + ": "
            + what
            + " for "
            + limit.toMillis()
            + " ms, the limit for a write that waits for its copy");
  }

  /** Something has happened: all look again. */
  void signOfLife() {
    over = false;
    waiting.changed();
  }

  /** Something has changed that is no sign of life of the store. */
  void changed() {
    waiting.changed();
  }
}
