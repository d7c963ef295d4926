package io.sluice.nbd.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** When requests are handed off, by how long those take that are not. */
class LatencyGaugeTest {
  private static final int ROUND = 100;
  private static final Bio SMALL = new Bio().read(0, ByteBuffer.allocate(4096));
  private static final Bio LARGE = new Bio().read(0, ByteBuffer.allocate(1 << 20));

  private final LatencyGauge gauge = new LatencyGauge();

  /** Serves requests; returns how many were handed off. */
  private int serve(int count, Bio bio, long inlineNanos) {
    int handedOff = 0;
    for (int i = 0; i < count; i++) {
      if (gauge.slow()) {
        handedOff++;
      } else if (gauge.wants(bio)) {
        gauge.record(inlineNanos);
      }
    }
    return handedOff;
  }

  private void becomeSlow() {
    int served = 0;
    while (serve(1, SMALL, 100_000) == 0) {
      assertTrue(++served < 10_000, "a slow device is not found out");
    }
  }

  @Test
  void onePauseIsForgiven() {
    assertEquals(0, serve(10 * ROUND, SMALL, 8_000));
    gauge.record(50_000_000);
    assertEquals(0, serve(10 * ROUND, SMALL, 8_000));
  }

  @Test
  void whatIsKeptBackTellsWhetherItIsStillSlow() {
    becomeSlow();
    int rest = LatencyGauge.PROBE_AFTER_MIN_REQUESTS - 1;
    assertEquals(rest, serve(rest, SMALL, 8_000));
    assertEquals(0, serve(LatencyGauge.PROBE_REQUESTS, SMALL, 8_000), "some are kept back");
    assertEquals(0, serve(10 * ROUND, SMALL, 8_000), "and it is fast again");
  }

  @Test
  void theFirstThatAreKeptBackDoNotCount() {
    becomeSlow();
    serve(LatencyGauge.PROBE_AFTER_MIN_REQUESTS - 1, SMALL, 0);
    assertEquals(0, serve(LatencyGauge.PROBE_SETTLING_REQUESTS, SMALL, 200_000));
    assertEquals(0, serve(ROUND, SMALL, 8_000), "the processors were busy with the others");
  }

  @Test
  void thresholdsLieApart() {
    becomeSlow();
    long between = (LatencyGauge.FAST_BELOW_NANOS + LatencyGauge.SLOW_ABOVE_NANOS) / 2;
    int count = 2 * LatencyGauge.PROBE_AFTER_MIN_REQUESTS;
    assertTrue(serve(count, SMALL, between) >= count - LatencyGauge.PROBE_REQUESTS);
    LatencyGauge other = new LatencyGauge();
    for (int i = 0; i < ROUND; i++) {
      other.record(between);
    }
    assertFalse(other.slow());
  }

  @Test
  void probesInVainGetRare() {
    becomeSlow();
    int count = 50 * LatencyGauge.PROBE_AFTER_MAX_REQUESTS;
    int keptBack = count - serve(count, SMALL, 5_000_000);
    assertTrue(keptBack <= (50 + 16) * LatencyGauge.PROBE_REQUESTS, keptBack + " were kept back");
    assertTrue(keptBack >= 50 * LatencyGauge.PROBE_REQUESTS, keptBack + " were kept back");
  }

  @Test
  void otherRequestsTellNothing() {
    becomeSlow();
    int count = 10 * LatencyGauge.PROBE_AFTER_MIN_REQUESTS;
    assertTrue(serve(count, LARGE, 8_000) > count / 2, "large ones made it fast");
  }

  @Test
  void aDeviceThatWasFastForLongIsJudgedAnew() {
    for (int i = 0; i < 5; i++) {
      becomeSlow();
      serve(LatencyGauge.PROBE_AFTER_MAX_REQUESTS, SMALL, 8_000);
      assertFalse(gauge.slow());
    }
    becomeSlow();
    int rest = LatencyGauge.PROBE_AFTER_MIN_REQUESTS - 1;
    assertEquals(rest, serve(rest + LatencyGauge.PROBE_REQUESTS, SMALL, 8_000));
  }

  @Test
  void oneThatIsSlowAgainAtOnceIsAskedLater() {
    becomeSlow();
    serve(LatencyGauge.PROBE_AFTER_MIN_REQUESTS + LatencyGauge.PROBE_REQUESTS, SMALL, 8_000);
    becomeSlow();
    int rest = 2 * LatencyGauge.PROBE_AFTER_MIN_REQUESTS - 1;
    assertEquals(rest, serve(rest, SMALL, 8_000));
    assertEquals(0, serve(LatencyGauge.PROBE_REQUESTS, SMALL, 8_000));
  }
}
