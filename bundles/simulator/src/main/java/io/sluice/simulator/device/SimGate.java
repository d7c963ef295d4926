package io.sluice.simulator.device;

import io.sluice.simulator.schedule.SimScheduler;
import io.sluice.simulator.schedule.SimSignal;

/** What holds bios back while a device is frozen, and knows when the last one has left. */
public final class SimGate {
  private final SimScheduler scheduler;
  private final SimSignal opened;
  private final SimSignal drained;
  private boolean closed;
  private int inside;

  SimGate(SimScheduler scheduler, String device) {
    this.scheduler = scheduler;
    this.opened = new SimSignal(scheduler, "the gate of " + device + " to open");
    this.drained = new SimSignal(scheduler, "bios in flight on " + device);
  }

  void enter() {
    scheduler.yieldPoint();
    while (closed) {
      opened.await();
    }
    inside++;
  }

  void exit() {
    inside--;
    if (inside == 0) {
      drained.wakeAll();
    }
  }

  void close() {
    closed = true;
  }

  void drain() {
    while (inside > 0) {
      drained.await();
    }
  }

  /** Bios that wait outside. */
  int waiterCount() {
    return opened.waiterCount();
  }

  void open() {
    closed = false;
    opened.wakeAll();
  }
}
