package io.sluice.trace.recorder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RecentBiosTest {
  private static void put(RecentBios bios) {
    long n = bios.number();
    bios.put(n, n * 3, n * 5, BioOp.WRITE, Bio.FUA, n * 7, n * 11, 5, n * 13, Payload.CRC, (int) n);
  }

  private static void check(TraceRecord bio) {
    long n = bio.sequence();
    assertEquals(
        new TraceRecord(
            n,
            n * 3,
            n * 5,
            BioOp.WRITE,
            Bio.FUA,
            n * 7,
            n * 11,
            5,
            n * 13,
            Payload.CRC,
            (int) n,
            null),
        bio);
  }

  @Test
  void remembersTheLast() {
    RecentBios bios = new RecentBios(4);
    assertEquals(List.of(), bios.last(10));
    for (int i = 0; i < 6; i++) {
      put(bios);
    }
    List<TraceRecord> last = bios.last(10);
    assertEquals(List.of(2L, 3L, 4L, 5L), last.stream().map(TraceRecord::sequence).toList());
    last.forEach(RecentBiosTest::check);
    assertEquals(5, bios.last(1).get(0).sequence());
  }

  @Test
  void aWriterThatIsARoundBehindGivesWay() {
    RecentBios bios = new RecentBios(2);
    long slow = bios.number();
    put(bios);
    put(bios);
    bios.put(slow, 1, 1, BioOp.READ, 0, 0, 0, 0, 1, Payload.NONE, 0);
    assertEquals(1, bios.lostCount());
    bios.last(2).forEach(RecentBiosTest::check);
    assertEquals(2, bios.last(2).size());
  }

  @Test
  void neverShowsHalfABio() throws Exception {
    RecentBios bios = new RecentBios(8);
    ExecutorService writers = Executors.newFixedThreadPool(2);
    List<Future<?>> ends = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ends.add(
          writers.submit(
              () -> {
                for (int n = 0; n < 50_000; n++) {
                  put(bios);
                }
              }));
    }
    long seen = 0;
    while (!ends.stream().allMatch(Future::isDone)) {
      for (TraceRecord bio : bios.last(8)) {
        check(bio);
        seen++;
      }
    }
    for (Future<?> end : ends) {
      end.get(30, TimeUnit.SECONDS);
    }
    writers.shutdown();
    assertEquals(100_000, bios.count());
    assertTrue(seen + bios.last(8).size() > 0, "some were seen");
  }
}
