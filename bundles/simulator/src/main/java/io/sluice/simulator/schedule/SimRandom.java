package io.sluice.simulator.schedule;

/** SplitMix64: the same numbers for the same seed on every JDK, which a replay depends on. */
public final class SimRandom {
  private long state;

  /** Two seeds that differ in one bit give unrelated streams. */
  public SimRandom(long seed) {
    this.state = seed * 0x9E3779B97F4A7C15L + 0x1234567;
  }

  /** All 64 bits. */
  public long nextLong() {
    state += 0x9E3779B97F4A7C15L;
    long z = state;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** From 0 to {@code bound - 1}. */
  public int below(int bound) {
    return (int) ((nextLong() >>> 33) % bound);
  }

  /** From {@code min} to {@code max}, both included. */
  public int between(int min, int max) {
    return min + below(max - min + 1);
  }

  /** True in {@code perMille} of 1000 cases. */
  public boolean chance(int perMille) {
    return below(1000) < perMille;
  }

  /** One of the values. */
  public int oneOf(int... values) {
    return values[below(values.length)];
  }
}
