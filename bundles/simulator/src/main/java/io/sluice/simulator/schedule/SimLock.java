package io.sluice.simulator.schedule;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/** A lock for the code under test: mutual exclusion with a switch point on each side. */
public final class SimLock implements Lock {
  /** How many locks of a run are held: none, at its end. */
  public static final class Held {
    private int count;

    /** How many now. */
    public int count() {
      return count;
    }
  }

  private final SimScheduler scheduler;
  private final Held held;
  private final SimLimit limit;
  private final SimSignal released;
  private SimTask owner;
  private int holds;

  /**
   * A free lock.
   *
   * @param held counts it while it is held
   * @param limit of timed waits for it
   * @param name for the report of a deadlock
   */
  public SimLock(SimScheduler scheduler, Held held, SimLimit limit, String name) {
    this.limit = limit;
    this.scheduler = scheduler;
    this.held = held;
    this.released = new SimSignal(scheduler, name);
  }

  @Override
  public void lock() {
    scheduler.yieldPoint();
    while (owner != null && owner != scheduler.current()) {
      released.await();
    }
    own();
  }

  private void own() {
    owner = scheduler.current();
    if (holds++ == 0) {
      held.count++;
    }
  }

  @Override
  public boolean tryLock() {
    scheduler.yieldPoint();
    if (owner != null && owner != scheduler.current()) {
      return false;
    }
    own();
    return true;
  }

  @Override
  public void unlock() {
    if (scheduler.aborting()) {
      return;
    }
    if (owner != scheduler.current()) {
      throw scheduler.fail(
          new SimFailure(
              "P0 lock: "
                  + scheduler.current().name()
                  + " unlocks what "
                  + (owner == null ? "nobody" : owner.name())
                  + " holds"));
    }
    if (--holds == 0) {
      owner = null;
      held.count--;
      released.wakeOne();
      scheduler.yieldPoint();
    }
  }

  @Override
  public void lockInterruptibly() {
    lock();
  }

  /** The time is that of the run's limit. */
  @Override
  public boolean tryLock(long time, TimeUnit unit) {
    scheduler.yieldPoint();
    while (owner != null && owner != scheduler.current()) {
      if (!limit.await(released)) {
        return false;
      }
    }
    own();
    return true;
  }

  /** Not offered: what waits in the engine's data path waits for a lock. */
  @Override
  public Condition newCondition() {
    throw new UnsupportedOperationException("the simulator offers no conditions");
  }
}
