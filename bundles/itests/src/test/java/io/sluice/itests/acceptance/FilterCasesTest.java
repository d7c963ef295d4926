package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.filter.FilterRegistry;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.BundleException;

/** blksnap's acceptance cases 1 to 8: filters, their names and their errors. */
@Timeout(120)
class FilterCasesTest {
  private static final int BLOCK = 4096;
  private static final long SIZE = 1 << 20;
  private static final String BLKSNAP = ChangeTracking.FILTER_NAME;
  private static final SectorPattern LIVE = new SectorPattern(2);

  @TempDir static Path scratch;
  private static InProcessAgent agent;
  private final List<TestFilter> registered = new ArrayList<>();

  @BeforeAll
  static void start() throws Exception {
    agent = InProcessAgent.start(scratch.resolve("run"), Map.of());
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
    for (TestFilter filter : registered) {
      agent.filters().unregister(filter);
    }
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private TestFilter register(TestFilter filter) throws Exception {
    agent.filters().register(filter);
    registered.add(filter);
    return filter;
  }

  @Test
  void case01_namesAreUniqueInTheir32Bytes() throws Exception {
    register(new TestFilter("f"));
    Errors.refused(Errno.EBUSY, () -> agent.filters().register(new TestFilter("f")));
    String longest = "x".repeat(31);
    register(new TestFilter(longest + "a"));
    register(new TestFilter(longest + "b"));
    Errors.refused(Errno.EBUSY, () -> agent.filters().register(new TestFilter(longest + "b")));
    // The module compares 32 bytes and forgets the rest; here a longer name is none at all.
    Errors.refused(Errno.EINVAL, () -> agent.filters().register(new TestFilter(longest + "ab")));
  }

  @Test
  void case02_anUnknownFilterIsToldBeforeAMissingDevice() throws Exception {
    agent.disk("c2", SIZE);
    Errors.refused(Errno.ENOENT, () -> agent.attach("c2", "nobody"));
    Errors.refused(Errno.ENOENT, () -> agent.attach("removed", "nobody"));
    agent.devices().remove("c2");
    Errors.refused(Errno.ENODEV, () -> agent.attach("c2", BLKSNAP));
  }

  @Test
  void case03_attachedTwiceIsEalready_theSamePlaceIsEbusy() throws Exception {
    agent.disk("c3", SIZE);
    InProcessAgent.ToolRun first = agent.blksnap("attach", "--device=c3");
    assertEquals("0 Attached successfully\n", first.exitCode() + " " + first.out());
    InProcessAgent.ToolRun second = agent.blksnap("attach", "--device=c3");
    assertEquals("0 Already was attached\n", second.exitCode() + " " + second.out());
    Errors.refused(Errno.EALREADY, () -> agent.attach("c3", BLKSNAP));
    TestFilter same = new TestFilter("same-altitude");
    same.altitude = agent.filters().chain("c3").get(0).altitude();
    register(same);
    Errors.refused(Errno.EBUSY, () -> agent.attach("c3", same.name()));
  }

  @Test
  void case04_detachAndCtlTellNoneFromAnother() throws Exception {
    agent.disk("c4", SIZE);
    FilterRegistry filters = agent.filters();
    Errors.refused(Errno.ENOENT, () -> filters.detach("c4", BLKSNAP));
    Errors.refused(Errno.ENOENT, () -> filters.ctl("c4", BLKSNAP, "cbtinfo", List.of()));
    agent.attach("c4", BLKSNAP);
    Errors.refused(Errno.EINVAL, () -> filters.detach("c4", "fault"));
    Errors.refused(Errno.ENOTTY, () -> filters.ctl("c4", BLKSNAP, "no-such", List.of()));
  }

  @Test
  void case05_noWriteIsLostOrHalfFilteredWhileAttachingAndDetaching() throws Exception {
    int writerCount = 100;
    int roundCount = 40;
    BlockDevice live = agent.disk("c5", (long) writerCount * BLOCK);
    TestFilter inverting = register(new TestFilter("inverting"));
    inverting.inverts = true;
    AtomicBoolean over = new AtomicBoolean();
    AtomicLong writes = new AtomicLong();
    AtomicLong inverted = new AtomicLong();
    CountDownLatch allWrite = new CountDownLatch(writerCount);
    ExecutorService threads = Executors.newFixedThreadPool(writerCount);
    try {
      List<Future<?>> writers = new ArrayList<>();
      for (int i = 0; i < writerCount; i++) {
        long at = (long) i * BLOCK;
        writers.add(
            threads.submit(
                () -> {
                  do {
                    LIVE.write(live, at, BLOCK);
                    writes.incrementAndGet();
                    inverted.addAndGet(wholeOrInverted(live, at) ? 1 : 0);
                    allWrite.countDown();
                  } while (!over.get());
                  return null;
                }));
      }
      assertTrue(allWrite.await(60, TimeUnit.SECONDS), "not all write");
      for (int i = 0; i < roundCount; i++) {
        agent.attach("c5", "inverting");
        agent.filters().detach("c5", "inverting");
      }
      over.set(true);
      for (Future<?> writer : writers) {
        writer.get(60, TimeUnit.SECONDS);
      }
    } finally {
      over.set(true);
      threads.shutdownNow();
    }
    assertEquals(writes.get(), agent.devices().stats("c5").writeCount());
    assertEquals(0, agent.devices().stats("c5").errorCount());
    assertEquals(inverting.writes.get(), inverted.get(), "filtered, and found so");
    System.out.printf(
        "case05: %d writes, %d rounds, %d filtered%n", writes.get(), roundCount, inverted.get());
  }

  /** Whether the filter was on the way of the block's last write: in all of it or in nothing. */
  private static boolean wholeOrInverted(BlockDevice live, long at) throws Exception {
    ByteBuffer found = SectorPattern.read(live, at, BLOCK);
    if (found.equals(LIVE.bytes(at, BLOCK))) {
      return false;
    }
    assertEquals(TestFilter.inverted(LIVE.bytes(at, BLOCK)), found, "half filtered, at " + at);
    return true;
  }

  @Test
  void case06_aBundleInUseIsNotStopped_norItsFilterUnregistered() throws Exception {
    BlockDevice live = agent.disk("c6", SIZE);
    agent.attach("c6", "fault");
    String refusal =
        assertThrows(BundleException.class, agent.bundle("io.sluice.filter.fault")::stop)
            .getMessage();
    assertTrue(refusal.contains("fault") && refusal.contains("c6"), refusal);
    TestFilter own = register(new TestFilter("own"));
    agent.attach("c6", "own");
    Errors.refused(Errno.EBUSY, () -> agent.filters().unregister(own));
    LIVE.write(live, 0, BLOCK);
    LIVE.check(live, 0, BLOCK, "through the filters that stayed");
    assertEquals(1, own.writes.get());
  }

  @Test
  void case07_aFiltersOwnIoIsNotEnteredAgain_thatToAnotherDeviceIs() throws Exception {
    BlockDevice one = agent.disk("c7a", SIZE);
    BlockDevice two = agent.disk("c7b", SIZE);
    TestFilter outer = register(new TestFilter("outer"));
    outer.altitude = 2000;
    TestFilter inner = register(new TestFilter("inner"));
    agent.attach("c7a", "outer");
    agent.attach("c7b", "inner");
    outer.alsoWrites = two;
    outer.ownIo = true;
    LIVE.write(one, 0, BLOCK);
    assertEquals(1, outer.writes.get(), "its own read and write did not come back to it");
    assertEquals(1, inner.writes.get(), "the other device's filter saw what it wrote there");
    LIVE.check(two, 0, BLOCK, "the other device");
    LIVE.check(one, SIZE - BLOCK, BLOCK, "its own write, below itself");
  }

  @Test
  void case08_aDeviceThatGoesIsDetached_andStartsAnewWhenItIsBack() throws Exception {
    agent.trackedDisk("c8", SIZE);
    agent.take("s", "c8");
    CbtInfo before = agent.tracking().info("c8");
    assertEquals(1, before.changesNumber());
    // The file goes while it is attached and in a snapshot: the device is lost.
    Files.delete(agent.origin("c8"));
    Errors.refused(Errno.EIO, () -> untilLost("c8"));
    agent.clear();
    agent.trackedDisk("c8", SIZE);
    CbtInfo again = agent.tracking().info("c8");
    assertNotEquals(before.generationId(), again.generationId());
    assertEquals(0, again.changesNumber());
    // That the agent can stop is what stop() sees.
  }

  /** Reads the image until that fails. */
  private static void untilLost(String device) throws Exception {
    BlockDevice image = agent.image(device, "s");
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (System.nanoTime() < endNanos) {
      SectorPattern.read(image, 0, BLOCK);
      Thread.onSpinWait();
    }
  }
}
