package io.sluice.filter;

/**
 * How long bios took in a filter and in everything below it, from a sample of them. All zero before
 * the first sample.
 *
 * @param sampleCount bios that were timed
 * @param meanNanos their mean
 * @param p99Nanos what 99 in 100 stayed under, to a factor of two
 * @param maxNanos the longest
 * @param ownMeanNanos the mean without what is below the filter
 */
public record LatencySummary(
    long sampleCount, long meanNanos, long p99Nanos, long maxNanos, long ownMeanNanos) {
  /** Before the first sample. */
  public static final LatencySummary NONE = new LatencySummary(0, 0, 0, 0, 0);
}
