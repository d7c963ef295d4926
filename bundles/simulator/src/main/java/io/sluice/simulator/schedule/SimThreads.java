package io.sluice.simulator.schedule;

import java.util.ArrayDeque;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads that carry tasks, kept from seed to seed because starting one costs as much as a
 * short run. One run uses them at a time.
 */
public final class SimThreads implements AutoCloseable {
  private final ArrayDeque<Carrier> idle = new ArrayDeque<>();
  private int started;

  Carrier take() {
    Carrier carrier = idle.pollLast();
    if (carrier == null) {
      carrier = new Carrier("sim-carrier-" + started++);
      carrier.start();
    }
    return carrier;
  }

  void giveBack(Carrier carrier) {
    idle.addLast(carrier);
  }

  @Override
  public void close() {
    for (Carrier carrier : idle) {
      carrier.work = null;
      carrier.pass();
    }
    idle.clear();
  }

  /** A thread that runs only while it has been passed the baton. */
  static final class Carrier extends Thread {
    Runnable work;
    private volatile boolean baton;

    Carrier(String name) {
      super(name);
      setDaemon(true);
    }

    void pass() {
      baton = true;
      LockSupport.unpark(this);
    }

    void awaitBaton() {
      while (!baton) {
        LockSupport.park(this);
      }
      baton = false;
    }

    @Override
    public void run() {
      for (awaitBaton(); work != null; awaitBaton()) {
        work.run();
      }
    }
  }
}
