package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.LatencySummary;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a chain tells about its bios' times, and what it costs in memory. */
@Timeout(120)
final class MeasureTest {
  private static final int WARM_UP_COUNT = 20_000;
  private static final int BIO_COUNT = 100_000;
  private static final int ONCE_MAX_BYTES = 16 << 10;

  private final AtomicLong nanos = new AtomicLong(1);
  private final Fixture fixture =
      new Fixture(Duration.ofSeconds(30), new DeviceLocator(Path.of("/sys")), nanos::get);

  @Test
  void latencyIsThatOfASampleWithItsOwnPart() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    fixture.register(
        "low",
        1,
        ALL_OPS,
        (bio, next) -> {
          nanos.addAndGet(100);
          next.submit(bio);
        });
    fixture.register(
        "high",
        2,
        ALL_OPS,
        (bio, next) -> {
          nanos.addAndGet(10);
          next.submit(bio);
          nanos.addAndGet(20);
        });
    fixture.attach("disk", "low");
    fixture.attach("disk", "high");
    assertEquals(LatencySummary.NONE, fixture.registry.chain("disk").get(0).latency());
    fixture.origin("disk").before = bio -> nanos.addAndGet(1000);
    for (int i = 0; i < 10 * CallStack.SAMPLE_INTERVAL; i++) {
      disk.submit(new Bio().flush());
    }
    assertEquals(
        new LatencySummary(10, 1130, 1130, 1130, 30),
        fixture.registry.chain("disk").get(0).latency());
    assertEquals(
        new LatencySummary(10, 1100, 1100, 1100, 100),
        fixture.registry.chain("disk").get(1).latency());
  }

  @Test
  void percentilesAreTrueToAFactorOfTwo() {
    Latency latency = new Latency();
    for (int i = 0; i < 990; i++) {
      latency.record(1000, 1);
    }
    for (int i = 0; i < 10; i++) {
      latency.record(1_000_000, 1);
    }
    LatencySummary summary = latency.summary();
    assertEquals(1000, summary.sampleCount());
    assertTrue(summary.p99Nanos() >= 1000 && summary.p99Nanos() < 2000, summary.toString());
    latency.record(1_000_000, 1);
    latency.record(-1, -1);
    assertTrue(latency.summary().p99Nanos() >= 1_000_000 / 2, latency.summary().toString());
    assertEquals(1_000_000, latency.summary().maxNanos());
  }

  @Test
  void aBioThroughThreeFiltersAllocatesNothing() throws ErrnoException {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    BlockDevice disk = fixture.add("disk");
    for (int i = 1; i <= 3; i++) {
      fixture.register("f" + i, i, ALL_OPS, PASS);
      fixture.attach("disk", "f" + i);
    }
    MemoryOrigin origin = fixture.origin("disk");
    origin.logging = false;
    Bio bio = new Bio();
    ByteBuffer data = ByteBuffer.allocateDirect(4096);
    submit(disk, bio, data, WARM_UP_COUNT);
    long before = threads.getCurrentThreadAllocatedBytes();
    long asking = threads.getCurrentThreadAllocatedBytes() - before;
    submit(disk, bio, data, BIO_COUNT);
    long bytes = threads.getCurrentThreadAllocatedBytes() - before - 2 * asking;
    // Counters grow once; anything done for each bio, or for each that is timed, would be far more.
    assertTrue(
        bytes < ONCE_MAX_BYTES, () -> bytes + " bytes were allocated for " + BIO_COUNT + " bios");
    assertTrue(
        fixture.registry.chain("disk").get(0).latency().sampleCount()
            > BIO_COUNT / CallStack.SAMPLE_INTERVAL,
        "samples included");
  }

  @Test
  void eachBioIsCountedOnce_alsoWhenItsThreadHasEnded() throws Exception {
    fixture.register("f", 1, ALL_OPS, PASS);
    for (String name : List.of("disk", "other")) {
      fixture.add(name);
      fixture.attach(name, "f");
    }
    Worker worker =
        Worker.start(
            "worker",
            () -> {
              flush("disk", 100);
              flush("other", 30);
              flush("disk", 5);
            });
    worker.join();
    assertEquals(List.of(105L, 30L), counts());
    long unused = fixture.registry.watch().tick();
    assertEquals(List.of(105L, 30L), counts(), "the thread is forgotten, its bios are not");
    flush("other", 1000);
    assertEquals(List.of(105L, 1030L), counts());
  }

  private void flush(String device, int count) throws ErrnoException {
    for (int i = 0; i < count; i++) {
      fixture.published.get(device).submit(new Bio().flush());
    }
  }

  private List<Long> counts() throws ErrnoException {
    return List.of(
        fixture.registry.chain("disk").get(0).bioCount(),
        fixture.registry.chain("other").get(0).bioCount());
  }

  private static void submit(BlockDevice disk, Bio bio, ByteBuffer data, int count)
      throws ErrnoException {
    for (int i = 0; i < count; i++) {
      data.clear();
      disk.submit((i & 1) == 0 ? bio.write(4096, data, 0) : bio.read(4096, data));
    }
  }
}
