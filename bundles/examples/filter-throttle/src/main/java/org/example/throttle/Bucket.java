package org.example.throttle;

import java.time.Duration;

/**
 * One limit: so many units (bios, or bytes) in a second, as a token bucket that is read as a queue.
 *
 * <p>Every bio takes its place behind all units that were asked for before, and goes as soon as so
 * many units have been granted as are in front of it. Grants grow with time, by the rate, and never
 * run ahead of what was asked for by more than the burst. That is first come, first served without
 * a list of who waits, and the rate may change at any time: places stay, grants come faster.
 *
 * <p>A bio pays after it went: the first one passes at once, however long it is, and those behind
 * it wait for it to be paid.
 */
final class Bucket {
  /** The waiting looks at the rate again after so long, since nobody wakes it. */
  static final long SLICE_NANOS = Duration.ofMillis(20).toNanos();

  private static final double NANOS_PER_SECOND = 1e9;

  private final Time time;
  private final long debtMaxNanos;

  /** Read without the lock, to pass fast where there is no limit. */
  private volatile boolean limited;

  private double unitsPerNano;
  private double burstUnits;
  private double askedUnits;
  private double grantedUnits;
  private long settledNanos;

  /**
   * A bucket without a limit.
   *
   * @param debtMax how long units that were asked for have to be waited for at most; what is beyond
   *     that is forgiven
   */
  Bucket(Time time, Duration debtMax) {
    this.time = time;
    this.debtMaxNanos = debtMax.toNanos();
    this.settledNanos = time.nowNanos();
  }

  /** Sets the limit; 0 for none. Who waits goes on to wait by the new one. */
  synchronized void limit(long unitsPerSecond, Duration burst) {
    settle();
    boolean before = limited;
    unitsPerNano = unitsPerSecond / NANOS_PER_SECOND;
    burstUnits = unitsPerNano * burst.toNanos();
    limited = unitsPerSecond > 0;
    // Nothing was counted while there was no limit; and a slower one makes no longer debt.
    grantedUnits = before ? Math.max(grantedUnits, askedUnits - debtMaxUnits()) : askedUnits;
  }

  /**
   * Waits for its turn. An interrupted thread waits no longer, and keeps the flag.
   *
   * @param units what it asks for
   * @param untilNanos when to go at the latest, by the clock; looked at while waiting
   * @return whether it had to wait
   */
  boolean pass(long units, long untilNanos) {
    if (!limited) {
      return false;
    }
    double place = enter(units);
    boolean waited = false;
    while (true) {
      long waitNanos = Math.min(toGoNanos(place), untilNanos - time.nowNanos());
      if (waitNanos <= 0 || Thread.currentThread().isInterrupted()) {
        return waited;
      }
      waited = true;
      time.park(Math.min(waitNanos, SLICE_NANOS));
    }
  }

  private synchronized double enter(long units) {
    settle();
    grantedUnits = Math.min(grantedUnits, askedUnits + burstUnits);
    double place = askedUnits;
    askedUnits = Math.min(askedUnits + units, grantedUnits + debtMaxUnits());
    return place;
  }

  private double debtMaxUnits() {
    return unitsPerNano * debtMaxNanos;
  }

  /** How long until as much is granted as is in front of this place. */
  private synchronized long toGoNanos(double place) {
    settle();
    if (!limited || place <= grantedUnits) {
      return 0;
    }
    // Rounded up, for a park of 0 ns would be a busy loop.
    return (long) Math.ceil((place - grantedUnits) / unitsPerNano);
  }

  private void settle() {
    long nowNanos = time.nowNanos();
    grantedUnits += (nowNanos - settledNanos) * unitsPerNano;
    settledNanos = nowNanos;
  }
}
