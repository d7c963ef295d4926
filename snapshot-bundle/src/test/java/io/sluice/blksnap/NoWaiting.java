package io.sluice.blksnap;

import io.sluice.blksnap.diff.Waiting;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/** For tests in one thread: what does not hold at once is waited for in vain. */
public final class NoWaiting implements Waiting {
  @Override
  public void limit(Duration limit) {}

  @Override
  public boolean until(BooleanSupplier condition) {
    return condition.getAsBoolean();
  }

  @Override
  public boolean until(BooleanSupplier condition, Duration limit) {
    return condition.getAsBoolean();
  }

  @Override
  public void changed() {}
}
