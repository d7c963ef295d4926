package io.sluice.simulator.schedule;

import java.util.ArrayList;
import java.util.List;

/** A time limit for waits: it is over when somebody says so, for all who wait and who come. */
public final class SimLimit {
  private final Runnable onOver;
  private final List<SimSignal> awaited = new ArrayList<>();
  private boolean over;

  /**
   * @param onOver told each time that somebody gives up
   */
  public SimLimit(Runnable onOver) {
    this.onOver = onOver;
  }

  /** Waits for a signal's next change; false if the limit is over. */
  public boolean await(SimSignal signal) {
    if (!over) {
      awaited.add(signal);
      signal.await();
      return true; // to look again, and perhaps to come back here
    }
    onOver.run();
    return false;
  }

  /** Has the limit be over. */
  public void expire() {
    over = true;
    awaited.forEach(SimSignal::wakeAll);
    awaited.clear();
  }

  /** Waits have their full time again. */
  public void renew() {
    over = false;
    awaited.clear();
  }
}
