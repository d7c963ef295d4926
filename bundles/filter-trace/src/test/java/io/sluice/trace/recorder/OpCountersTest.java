package io.sluice.trace.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BioOp;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OpCountersTest {
  @Test
  void bucketsFollowEachOtherWithoutGaps() {
    int bucket = 0;
    for (long nanos = 0; nanos < 5000; nanos++) {
      int found = OpCounters.bucketOf(nanos);
      assertTrue(found == bucket || found == bucket + 1, nanos + " is in " + found);
      bucket = found;
      assertTrue(OpCounters.floorNanos(found) <= nanos, "floor of " + nanos);
      assertTrue(nanos < OpCounters.floorNanos(found + 1), "ceiling of " + nanos);
    }
    assertEquals(159, OpCounters.bucketOf(Long.MAX_VALUE));
    assertEquals(0, OpCounters.bucketOf(-1), "a clock that steps back");
  }

  @Test
  void addsUp() {
    OpCounters counters = new OpCounters(BioOp.READ);
    for (int i = 0; i < 99; i++) {
      counters.add(i, 4096, 1000, false);
    }
    counters.add(7, 4096, 1_000_000, true);
    Map<String, Object> totals = counters.describe();
    assertEquals("read", totals.get("op"));
    assertEquals(100L, totals.get("count"));
    assertEquals(99 * 4096L, totals.get("bytes"), "of those that did not fail");
    assertEquals(1L, totals.get("errors"));
    assertEquals((99_000L + 1_000_000) / 100, totals.get("mean_nanos"));
    assertEquals(1024L, totals.get("p50_nanos"));
    assertEquals(1024L, totals.get("p99_nanos"));
    assertEquals(1_000_000L, totals.get("max_nanos"));
    List<Map<String, Object>> rows = counters.histogram();
    assertEquals(
        List.of(
            Map.of("op", "read", "below_nanos", 1024L, "count", 99L),
            Map.of("op", "read", "below_nanos", 1L << 20, "count", 1L)),
        rows);
    counters.clear();
    assertEquals(0, counters.count());
    assertEquals(0L, counters.describe().get("p99_nanos"));
  }
}
