package io.sluice.nbd.session;

import io.sluice.block.Bio;

/**
 * Tells from how long small requests take in the connection's own thread whether a device waits or
 * copies memory: whether its requests are worth a hand-off to other threads. Used by one thread.
 *
 * <p>While requests are handed off, those that are not take as long as the processors are busy with
 * the others, which says nothing. So from time to time a few requests in a row are kept back, and
 * the later ones of them measured; the more seldom, the more often that was in vain.
 */
final class LatencyGauge {
  /** An average above this makes the device slow: a hand-off to a thread costs less. */
  static final long SLOW_ABOVE_NANOS = 60_000;

  /** An average of requests kept back that is below this makes it fast again. */
  static final long FAST_BELOW_NANOS = 45_000;

  /** Requests that are kept back at a time. */
  static final int PROBE_REQUESTS = 16;

  /** As many of them may still meet those that were handed off before, and are not measured. */
  static final int PROBE_SETTLING_REQUESTS = 8;

  /** Requests that are handed off between the first two probes, and at most between any. */
  static final int PROBE_AFTER_MIN_REQUESTS = 256;

  static final int PROBE_AFTER_MAX_REQUESTS = 1 << 16;

  /** A device that was fast for so many samples is judged anew when it is not. */
  static final int FORGIVING_SAMPLES = 1024;

  /** Reads and writes up to this size are measured; in larger ones copying shows. */
  private static final int MEASURED_MAX_BYTES = 16 << 10;

  /** One request in this many is measured, so that the clock costs the fast path nothing. */
  private static final int SAMPLE_INTERVAL = 8;

  /** What one sample counts at most, so that a lone pause of the machine changes nothing. */
  private static final long SAMPLE_MAX_NANOS = 4 * SLOW_ABOVE_NANOS;

  /** A sample's weight is one in 2 to this. */
  private static final int WEIGHT_SHIFT = 3;

  private boolean slow;

  /** While it is fast. */
  private int sampleCount;

  private int fastSampleCount;
  private long averageNanos;

  /** While it is slow: requests since it is, or since the last probe. */
  private int slowRequestCount;

  /** Doubled when the device is found slow. */
  private int probeAfterRequests = PROBE_AFTER_MIN_REQUESTS / 2;

  private int probeSampleCount;
  private long probeNanos;

  /** Whether the next request is worth a hand-off; to be asked once for each. */
  boolean slow() {
    if (!slow) {
      return false;
    }
    slowRequestCount++;
    if (slowRequestCount > probeAfterRequests + PROBE_REQUESTS) {
      endProbe();
      return slow;
    }
    return slowRequestCount <= probeAfterRequests;
  }

  private void endProbe() {
    // Most may have been of kinds that tell nothing.
    boolean told = probeSampleCount >= (PROBE_REQUESTS - PROBE_SETTLING_REQUESTS) / 2;
    if (told && probeNanos / probeSampleCount < FAST_BELOW_NANOS) {
      slow = false;
      averageNanos = probeNanos / probeSampleCount;
      fastSampleCount = 0;
    } else {
      startSlowStretch(2 * probeAfterRequests);
    }
  }

  private void startSlowStretch(int requests) {
    probeAfterRequests = Math.min(requests, PROBE_AFTER_MAX_REQUESTS);
    slowRequestCount = 0;
    probeSampleCount = 0;
    probeNanos = 0;
  }

  /** Whether this bio is one to measure. Flushes and FUA wait on any device, and say nothing. */
  boolean wants(Bio bio) {
    boolean due =
        slow
            ? slowRequestCount > probeAfterRequests + PROBE_SETTLING_REQUESTS
            : ++sampleCount % SAMPLE_INTERVAL == 0;
    return due
        && bio.op().carriesData()
        && bio.flags() == 0
        && bio.lengthBytes() <= MEASURED_MAX_BYTES;
  }

  /** Takes one measured request into account. */
  void record(long nanos) {
    long sample = Math.min(nanos, SAMPLE_MAX_NANOS);
    if (slow) {
      probeNanos += sample;
      probeSampleCount++;
      return;
    }
    averageNanos += (sample - averageNanos) >> WEIGHT_SHIFT;
    fastSampleCount++;
    if (averageNanos > SLOW_ABOVE_NANOS) {
      slow = true;
      boolean forgiven = fastSampleCount >= FORGIVING_SAMPLES;
      startSlowStretch(forgiven ? PROBE_AFTER_MIN_REQUESTS : 2 * probeAfterRequests);
    }
  }
}
