package io.sluice.blksnap.diff;

import java.time.InstantSource;

/**
 * How fast a store fills: the bytes of the last {@value #SPAN_SECONDS} seconds, in slices of
 * {@value #SLICE_SECONDS}. Thread-safe.
 */
final class FillRate {
  private static final int SLICE_SECONDS = 5;
  private static final int SLICE_COUNT = 12;
  private static final int SPAN_SECONDS = SLICE_SECONDS * SLICE_COUNT;

  private final InstantSource clock;
  private final long startSeconds;
  private final long[] bytes = new long[SLICE_COUNT];
  private long lastSlice;

  FillRate(InstantSource clock) {
    this.clock = clock;
    this.startSeconds = nowSeconds();
    this.lastSlice = startSeconds / SLICE_SECONDS;
  }

  private long nowSeconds() {
    return Math.floorDiv(clock.millis(), 1000L);
  }

  synchronized void add(long lengthBytes) {
    turnTo(nowSeconds() / SLICE_SECONDS);
    bytes[Math.floorMod(lastSlice, SLICE_COUNT)] += lengthBytes;
  }

  /** Empties the slices that were passed; a clock that was set back stays in the last one. */
  private void turnTo(long slice) {
    long passed = Math.min(slice - lastSlice, SLICE_COUNT);
    for (long i = 1; i <= passed; i++) {
      bytes[Math.floorMod(lastSlice + i, SLICE_COUNT)] = 0;
    }
    lastSlice = Math.max(lastSlice, slice);
  }

  /** Over the span, or since the start if that is less ago; never over less than a slice. */
  synchronized long bytesPerSecond() {
    long now = nowSeconds();
    turnTo(now / SLICE_SECONDS);
    long sum = 0;
    for (long slice : bytes) {
      sum += slice;
    }
    // The slice that runs counts as far as it has come.
    long seconds = SPAN_SECONDS - SLICE_SECONDS + Math.floorMod(now, (long) SLICE_SECONDS);
    return sum / Math.max(SLICE_SECONDS, Math.min(seconds, now - startSeconds));
  }
}
