package io.sluice.simulator.schedule;

import java.util.ArrayList;
import java.util.List;

/** Tasks that wait for something to change; whoever changes it wakes them, and they look again. */
public final class SimSignal {
  private final SimScheduler scheduler;
  private final String what;
  private final List<SimTask> waiters = new ArrayList<>(0);

  /**
   * @param what for the report of a deadlock: {@code "the gate of disk-0"}
   */
  public SimSignal(SimScheduler scheduler, String what) {
    this.scheduler = scheduler;
    this.what = what;
  }

  /** Waits for the next {@link #wakeAll} or {@link #wakeOne} that chooses this task. */
  public void await() {
    waiters.add(scheduler.current());
    scheduler.block(what);
  }

  /** Wakes all. */
  public void wakeAll() {
    for (SimTask waiter : waiters) {
      scheduler.wake(waiter);
    }
    waiters.clear();
  }

  /** Wakes one, chosen by the seed. */
  public void wakeOne() {
    if (!waiters.isEmpty()) {
      scheduler.wake(waiters.remove(scheduler.choose(waiters.size())));
    }
  }

  /** How many wait. */
  public int waiterCount() {
    return waiters.size();
  }
}
