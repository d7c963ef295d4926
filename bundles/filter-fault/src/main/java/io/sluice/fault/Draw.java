package io.sluice.fault;

/**
 * Chance without a state: each draw is a hash of what it is for, so that no two threads share a
 * generator and a run can be repeated.
 */
final class Draw {
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private Draw() {}

  /** A number from 0 up to 1, the same for the same seed, rule and bio. */
  static double fraction(long seed, long ruleId, long number) {
    return (bits(seed, ruleId, number, 0) >>> 11) * 0x1.0p-53;
  }

  /** A number from 0 up to {@code bound}; {@code index} tells the draws for one bio apart. */
  static long below(long bound, long seed, long ruleId, long number, long index) {
    return Long.remainderUnsigned(bits(seed, ruleId, number, index + 1), bound);
  }

  private static long bits(long seed, long ruleId, long number, long index) {
    return mix(mix(mix(mix(seed) + GOLDEN * ruleId) + GOLDEN * number) + GOLDEN * index);
  }

  /** The finalizer of SplitMix64. */
  private static long mix(long value) {
    long z = value + GOLDEN;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
