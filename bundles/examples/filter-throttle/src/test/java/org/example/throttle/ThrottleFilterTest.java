package org.example.throttle;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ThrottleFilterTest {
  private static final long SECOND = 1_000_000_000L;
  private static final BlockDevice DEVICE =
      new BlockDevice() {
        @Override
        public DeviceGeometry geometry() {
          return new DeviceGeometry(1 << 30, 512, 4096, false, false, Set.of());
        }

        @Override
        public void submit(Bio bio) {
          if (bio.data() != null) {
            bio.data().position(bio.data().limit());
          }
        }
      };

  private final SteppedTime time = SteppedTime.passingWhileParked();
  private final Bio bio = new Bio();
  private final ByteBuffer data = ByteBuffer.allocate(32 << 10);

  private ThrottleFilter filter(String... options) throws ErrnoException {
    return filter(time, options);
  }

  private static ThrottleFilter filter(Time time, String... options) throws ErrnoException {
    Arguments given = Arguments.ofWords("test", Limits.PARAMETERS, List.of(options));
    return new ThrottleFilter(Limits.NONE.with(given), time);
  }

  private void read(ThrottleFilter filter, int lengthBytes) throws ErrnoException {
    filter.submit(bio.read(0, data.clear().limit(lengthBytes)), DEVICE);
  }

  private void write(ThrottleFilter filter, int lengthBytes) throws ErrnoException {
    filter.submit(bio.write(0, data.clear().limit(lengthBytes), 0), DEVICE);
  }

  private interface Step {
    void run() throws ErrnoException;
  }

  /** How often a step can be done in so many seconds of the stepped time. */
  private long countIn(int seconds, Step step) throws ErrnoException {
    long startNanos = time.nowNanos();
    long count = 0;
    while (time.nowNanos() - startNanos < seconds * SECOND) {
      step.run();
      count++;
    }
    return count;
  }

  private static void assertNear(long expected, long actual, long extra) {
    assertTrue(
        actual >= expected && actual <= expected + extra,
        () -> "expected " + expected + " to " + (expected + extra) + ", was " + actual);
  }

  @Test
  void holdsRequestsPerSecond() throws ErrnoException {
    ThrottleFilter filter = filter("iops=1000", "burst=50ms");
    // What the burst and the first one add.
    assertNear(10_000, countIn(10, () -> read(filter, 512)), 51);
  }

  @Test
  void holdsBytesPerSecond() throws ErrnoException {
    ThrottleFilter filter = filter("bandwidth=1M", "burst=0ms");
    assertNear(320, countIn(10, () -> write(filter, 32 << 10)), 1);
  }

  @Test
  void holdsReadsAndWritesApart() throws ErrnoException {
    ThrottleFilter filter = filter("iops-read=100", "iops-write=50", "burst=0ms");
    assertNear(1000, countIn(10, () -> read(filter, 512)), 1);
    assertNear(500, countIn(10, () -> write(filter, 512)), 1);
    ThrottleFilter bytes = filter("bandwidth-read=64K", "burst=0ms");
    assertNear(20, countIn(10, () -> read(bytes, 32 << 10)), 1);
    long beforeNanos = time.nowNanos();
    for (int i = 0; i < 1000; i++) {
      write(bytes, 32 << 10);
    }
    assertEquals(beforeNanos, time.nowNanos(), "writes waited for the limit of reads");
  }

  @Test
  void holdsThemTogether() throws ErrnoException {
    ThrottleFilter filter = filter("iops=100", "iops-read=80", "burst=0ms");
    assertNear(800, countIn(10, () -> read(filter, 512)), 1);
    long pairCount =
        countIn(
            10,
            () -> {
              read(filter, 512);
              write(filter, 512);
            });
    assertNear(500, pairCount, 1);
  }

  @Test
  void savesAsMuchAsTheBurst() throws ErrnoException {
    ThrottleFilter filter = filter("iops=100", "burst=1s");
    time.advance(1000 * SECOND);
    long beforeNanos = time.nowNanos();
    for (int i = 0; i < 101; i++) {
      read(filter, 512);
    }
    assertEquals(beforeNanos, time.nowNanos());
    read(filter, 512);
    assertTrue(time.nowNanos() > beforeNanos, "the burst is used up");
  }

  @Test
  void chargesADiscardOneRequestAndAFlushNothing() throws ErrnoException {
    ThrottleFilter filter = filter("iops=10", "bandwidth=1K", "burst=0ms");
    assertNear(100, countIn(10, () -> filter.submit(bio.discard(0, 1 << 30, 0), DEVICE)), 1);
    long beforeNanos = time.nowNanos();
    for (int i = 0; i < 1000; i++) {
      filter.submit(bio.flush(), DEVICE);
    }
    assertEquals(beforeNanos, time.nowNanos());
  }

  @Test
  void noBioWaitsLongerThanAFreezeBears() throws ErrnoException {
    ThrottleFilter filter = filter("bandwidth=1", "iops-read=1", "burst=0ms");
    for (int i = 0; i < 20; i++) {
      long beforeNanos = time.nowNanos();
      read(filter, 32 << 10);
      long waitedNanos = time.nowNanos() - beforeNanos;
      assertTrue(waitedNanos <= ThrottleFilter.WAIT_MAX.toNanos(), () -> waitedNanos + " ns");
    }
    // The debt is bounded as well: it is gone after as long as one bio may wait.
    time.advance(ThrottleFilter.WAIT_MAX.toNanos());
    long beforeNanos = time.nowNanos();
    read(filter, 512);
    assertEquals(beforeNanos, time.nowNanos());
  }

  @Test
  void aSlowerLimitForgivesOldDebt() throws ErrnoException {
    ThrottleFilter filter = filter("bandwidth=32K", "burst=0ms");
    read(filter, 32 << 10);
    filter.ctl("set", List.of("bandwidth=1"));
    time.advance(ThrottleFilter.WAIT_MAX.toNanos());
    long beforeNanos = time.nowNanos();
    read(filter, 512);
    assertEquals(beforeNanos, time.nowNanos());
  }

  /** One that was let through. */
  private record Through(int number, long atNanos) {}

  private static void queue(
      ThrottleFilter filter, SteppedTime time, int number, BlockingQueue<Through> through) {
    Bio own = new Bio().read(0, ByteBuffer.allocate(512));
    Runnable submits =
        () -> {
          try {
            filter.submit(own, DEVICE);
            through.add(new Through(number, time.nowNanos()));
          } catch (ErrnoException e) {
            throw new IllegalStateException(e);
          }
        };
    new Thread(submits, "bio " + number).start();
  }

  private static Through next(BlockingQueue<Through> through) throws InterruptedException {
    Through next = through.poll(30, TimeUnit.SECONDS);
    assertNotNull(next, "nobody was let through");
    return next;
  }

  @Test
  void servesInTheOrderOfArrival() throws Exception {
    SteppedTime still = SteppedTime.standingStill();
    long startNanos = still.nowNanos();
    ThrottleFilter filter = filter(still, "iops=1", "burst=0ms");
    BlockingQueue<Through> through = new LinkedBlockingQueue<>();
    queue(filter, still, 0, through);
    assertEquals(new Through(0, startNanos), next(through));
    int count = 5;
    for (int i = 1; i < count; i++) {
      queue(filter, still, i, through);
      still.awaitParked(i);
    }
    for (int i = 1; i < count; i++) {
      still.advance(SECOND);
      assertEquals(new Through(i, startNanos + i * SECOND), next(through));
    }
  }

  @Test
  void aChangeReachesThoseThatWait() throws Exception {
    SteppedTime still = SteppedTime.standingStill();
    ThrottleFilter filter = filter(still, "iops=1", "burst=0ms");
    BlockingQueue<Through> through = new LinkedBlockingQueue<>();
    queue(filter, still, 0, through);
    assertEquals(0, next(through).number());
    queue(filter, still, 1, through);
    still.awaitParked(1);
    filter.ctl("set", List.of("iops=1000"));
    // It looks again after a slice of its wait, of which a part is over.
    still.advance(Bucket.SLICE_NANOS);
    assertEquals(1, next(through).number());
  }

  @Test
  void aDetachLetsEverybodyGo() throws Exception {
    SteppedTime still = SteppedTime.standingStill();
    ThrottleFilter filter = filter(still, "iops=1", "burst=0ms");
    BlockingQueue<Through> through = new LinkedBlockingQueue<>();
    queue(filter, still, 0, through);
    assertEquals(0, next(through).number());
    for (int i = 1; i <= 3; i++) {
      queue(filter, still, i, through);
      still.awaitParked(i);
    }
    filter.checkDetach();
    assertEquals(true, filter.ctl("show", List.of()).get("lifted"));
    still.advance(Bucket.SLICE_NANOS);
    for (int i = 1; i <= 3; i++) {
      assertEquals(still.nowNanos(), next(through).atNanos());
    }
  }

  @Test
  void theLimitsHoldAgainIfTheDetachDidNotCome() throws ErrnoException {
    ThrottleFilter filter = filter("iops=10", "burst=0ms");
    filter.checkDetach();
    long beforeNanos = time.nowNanos();
    for (int i = 0; i < 1000; i++) {
      read(filter, 512);
    }
    assertEquals(beforeNanos, time.nowNanos());
    time.advance(ThrottleFilter.LIFT.toNanos());
    assertNear(100, countIn(10, () -> read(filter, 512)), 1);
    assertEquals(false, filter.ctl("show", List.of()).get("lifted"));
  }

  @Test
  void anInterruptEndsTheWaitAndIsKept() throws ErrnoException {
    ThrottleFilter filter = filter("iops=1", "burst=0ms");
    read(filter, 512);
    long beforeNanos = time.nowNanos();
    Thread.currentThread().interrupt();
    read(filter, 512);
    assertTrue(Thread.interrupted(), "the flag is lost");
    assertEquals(beforeNanos, time.nowNanos());
  }

  @Test
  void allocatesNothing() throws ErrnoException {
    ThrottleFilter filter = filter("iops=1000", "bandwidth=10M", "burst=1ms");
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    countIn(10, () -> read(filter, 512));
    long beforeBytes = threads.getCurrentThreadAllocatedBytes();
    long count = countIn(60, () -> read(filter, 512));
    long allocatedBytes = threads.getCurrentThreadAllocatedBytes() - beforeBytes;
    assertTrue(
        allocatedBytes < count, () -> allocatedBytes + " bytes allocated for " + count + " bios");
  }

  @Test
  void optionsMakeAnEqualFilter() throws ErrnoException {
    ThrottleFilter filter = filter("iops=5", "bandwidth-write=2M", "burst=7ms");
    filter.ctl("set", List.of("iops=6", "iops-read=7"));
    Map<String, String> options = filter.options(Map.of("iops", "5"));
    assertEquals("6", options.get("iops"));
    assertEquals("7", options.get("iops-read"));
    assertEquals("2097152", options.get("bandwidth-write"));
    Arguments given = Arguments.ofOptions("test", Limits.PARAMETERS, options);
    assertEquals(options, new ThrottleFilter(Limits.NONE.with(given), time).options(Map.of()));
  }

  @Test
  void refusesWhatIsOutOfRange() throws ErrnoException {
    ThrottleFilter filter = filter("burst=10s");
    for (String word : List.of("burst=11s", "iops=-1", "bandwidth=fast", "speed=1")) {
      ErrnoException refused =
          assertThrows(ErrnoException.class, () -> filter.ctl("set", List.of(word)), word);
      assertEquals(Errno.EINVAL, refused.errno());
    }
    assertEquals(
        Duration.ofSeconds(10).toNanos() / 1000 + "us", filter.options(Map.of()).get("burst"));
    assertFalse((boolean) filter.ctl("show", List.of()).get("lifted"));
  }
}
