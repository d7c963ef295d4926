package io.sluice.registry;

import io.sluice.filter.LatencySummary;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How long a filter's bios took, of those that were timed: so few that threads may share counters.
 */
final class Latency {
  /** By the length of the time in bits: the last one is for 2^62 ns and more. */
  private final AtomicLongArray counts = new AtomicLongArray(Long.SIZE);

  private final AtomicLong sumNanos = new AtomicLong();
  private final AtomicLong ownSumNanos = new AtomicLong();
  private final AtomicLong maxNanos = new AtomicLong();

  /**
   * Takes one sample down.
   *
   * @param totalNanos in the filter and below; below 0 counts as 0
   * @param ownNanos in the filter alone
   */
  void record(long totalNanos, long ownNanos) {
    long nanos = Math.max(0, totalNanos);
    counts.getAndIncrement(Long.SIZE - Long.numberOfLeadingZeros(nanos));
    sumNanos.addAndGet(nanos);
    ownSumNanos.addAndGet(Math.max(0, ownNanos));
    if (nanos > maxNanos.get()) {
      maxNanos.accumulateAndGet(nanos, Math::max);
    }
  }

  /** The samples so far; not one instant of them if more come meanwhile. */
  LatencySummary summary() {
    long sampleCount = 0;
    for (int bits = 0; bits < Long.SIZE; bits++) {
      sampleCount += counts.get(bits);
    }
    if (sampleCount == 0) {
      return LatencySummary.NONE;
    }
    return new LatencySummary(
        sampleCount,
        sumNanos.get() / sampleCount,
        p99Nanos(sampleCount),
        maxNanos.get(),
        ownSumNanos.get() / sampleCount);
  }

  /** The end of the bucket in which the 99th of 100 lies, or the longest if that is less. */
  private long p99Nanos(long sampleCount) {
    long rank = sampleCount - sampleCount / 100;
    int bits = 0;
    for (long seen = counts.get(0); seen < rank; ) {
      seen += counts.get(++bits);
    }
    long bucketEndNanos = bits == Long.SIZE - 1 ? Long.MAX_VALUE : (1L << bits) - 1;
    return Math.min(bucketEndNanos, maxNanos.get());
  }
}
