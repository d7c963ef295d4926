package io.sluice.nbd.session;

import io.sluice.block.Bio;

/**
 * Tells from how long small requests take whether a device waits or copies memory: a moving average
 * with two thresholds, so that it does not flutter. Used by one thread.
 */
final class LatencyGauge {
  /** An average above this makes the device slow: a hand-off to a thread costs less. */
  static final long SLOW_ABOVE_NANOS = 60_000;

  /** An average below this makes it fast again. */
  static final long FAST_BELOW_NANOS = 25_000;

  /** Reads and writes up to this size are measured; in larger ones copying shows. */
  private static final int MEASURED_MAX_BYTES = 16 << 10;

  /** One request in this many is measured, so that the clock costs the fast path nothing. */
  private static final int SAMPLE_INTERVAL = 8;

  /** What one sample counts at most, so that a lone pause of the machine changes nothing. */
  private static final long SAMPLE_MAX_NANOS = 4 * SLOW_ABOVE_NANOS;

  /** A sample's weight is one in 2 to this. */
  private static final int WEIGHT_SHIFT = 3;

  private int sampleCount;
  private long averageNanos;
  private boolean slow;

  /** Whether requests take long enough to be worth a hand-off. */
  boolean slow() {
    return slow;
  }

  /** Whether this bio is one to measure. Flushes and FUA wait on any device, and say nothing. */
  boolean wants(Bio bio) {
    return ++sampleCount % SAMPLE_INTERVAL == 0
        && bio.op().carriesData()
        && bio.flags() == 0
        && bio.lengthBytes() <= MEASURED_MAX_BYTES;
  }

  /** Takes one measured request into account. */
  void record(long nanos) {
    long sample = Math.min(nanos, SAMPLE_MAX_NANOS);
    averageNanos += (sample - averageNanos) >> WEIGHT_SHIFT;
    slow = averageNanos > (slow ? FAST_BELOW_NANOS : SLOW_ABOVE_NANOS);
  }
}
