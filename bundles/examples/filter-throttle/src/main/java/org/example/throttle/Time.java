package org.example.throttle;

import java.util.concurrent.locks.LockSupport;

/** The clock, and waiting by it. Tests bring one of their own. */
interface Time {
  /** The machine's. */
  Time SYSTEM =
      new Time() {
        @Override
        public long nowNanos() {
          return System.nanoTime();
        }

        @Override
        public void park(long nanos) {
          LockSupport.parkNanos(this, nanos);
        }
      };

  /** A moment, to be compared with others by their difference. */
  long nowNanos();

  /** Waits about so long; may return early, and does at once if this thread is interrupted. */
  void park(long nanos);
}
