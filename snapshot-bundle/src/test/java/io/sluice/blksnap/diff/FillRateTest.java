package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Instant;
import org.junit.jupiter.api.Test;

/** Bytes a second, over the last minute. */
class FillRateTest {
  private long nowSeconds = 1_000_000;
  private final FillRate rate = new FillRate(() -> Instant.ofEpochSecond(nowSeconds));

  @Test
  void aSteadyLoadHasItsRate_fromTheFirstSecondsOn() {
    for (int second = 0; second < 300; second++) {
      rate.add(100);
      if (second >= 10) {
        assertEquals(100.0, (double) rate.bytesPerSecond(), 11.0, "after " + second + " s");
      }
      nowSeconds++;
    }
  }

  @Test
  void whatIsLongPastDoesNotCount() {
    rate.add(1 << 20);
    nowSeconds += 30;
    assertEquals((1 << 20) / 30, rate.bytesPerSecond());
    nowSeconds += 31;
    assertEquals(0, rate.bytesPerSecond());
    nowSeconds += 1_000_000;
    rate.add(500);
    assertEquals(500 / 56, rate.bytesPerSecond());
  }

  @Test
  void aClockThatIsSetBackBreaksNothing() {
    rate.add(600);
    nowSeconds -= 5000;
    rate.add(600);
    assertEquals(240, rate.bytesPerSecond(), "over no less than a slice");
  }
}
