package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** blksnap's acceptance cases 25 to 39: the life of snapshots, their errors and events. */
@Timeout(120)
class SnapshotCasesTest {
  private static final int SECTOR = DeviceGeometry.SECTOR_SIZE_BYTES;
  private static final long SIZE = 1 << 20;
  private static final SectorPattern BEFORE = SectorPattern.ofOrigin();
  private static final SectorPattern LIVE = new SectorPattern(2);
  private static final SectorPattern IMAGE = new SectorPattern(3);
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir static Path scratch;
  private static InProcessAgent agent;

  @BeforeAll
  static void start() throws Exception {
    agent = InProcessAgent.start(scratch.resolve("run"), Map.of());
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private static UUID create(String name, String... devices) throws Exception {
    return agent.create(name, "dir", agent.directory().toString(), 0, devices);
  }

  @Test
  void case25_createAddTakeInfoDestroy() throws Exception {
    BlockDevice live = agent.disk("c25", SIZE);
    SnapshotControl snapshots = agent.snapshots();
    UUID id = create("s");
    assertEquals(SnapshotState.CREATED, snapshots.info(id).state());
    snapshots.add(id, "c25");
    assertEquals("", snapshots.info(id).devices().get(0).image(), "no image before the take");
    SnapshotInfo taken = snapshots.take(id);
    assertEquals(SnapshotState.TAKEN, taken.state());
    assertEquals("c25@s", taken.devices().get(0).image());
    assertEquals(0, taken.devices().get(0).errorCode());
    BlockDevice image = agent.image("c25", "s");
    assertEquals(live.geometry().sizeBytes(), image.geometry().sizeBytes());
    assertEquals(live.geometry().blockSizeBytes(), image.geometry().blockSizeBytes());
    assertFalse(image.geometry().readOnly());
    LIVE.write(live, 0, 3 * SECTOR);
    BEFORE.check(image, 0, SIZE, "the image");
    IMAGE.write(image, SECTOR, SECTOR);
    IMAGE.check(image, SECTOR, SECTOR, "the image, written");
    LIVE.check(live, 0, 3 * SECTOR, "the origin");
    snapshots.destroy(id);
    assertEquals(List.of(), snapshots.list());
    Errors.refused(Errno.EIO, () -> SectorPattern.read(image, 0, SECTOR));
  }

  @Test
  void case26_errorsOfTheVerbs() throws Exception {
    agent.disk("c26", SIZE);
    SnapshotControl snapshots = agent.snapshots();
    UUID unknown = new UUID(0, 26);
    Errors.refused(Errno.ESRCH, () -> snapshots.take(unknown));
    Errors.refused(Errno.ENODEV, () -> snapshots.destroy(unknown));
    Errors.refused(Errno.ESRCH, () -> snapshots.add(unknown, "c26"));
    UUID id = create("s");
    Errors.refused(Errno.ENODEV, () -> snapshots.take(id));
    snapshots.add(id, "c26");
    snapshots.take(id);
    Errors.refused(Errno.EALREADY, () -> snapshots.take(id));
  }

  @Test
  void case27_aDeviceIsInASnapshotOnce() throws Exception {
    agent.disk("c27", SIZE);
    SnapshotControl snapshots = agent.snapshots();
    UUID id = create("s", "c27");
    Errors.refused(Errno.EALREADY, () -> snapshots.add(id, "c27"));
    Errors.refused(Errno.EALREADY, () -> create("twice", "c27", "c27"));
    // The module says EBUSY to a second snapshot; here it is the one after the last there can be.
    List<UUID> more = new ArrayList<>();
    String refusal =
        Errors.refused(
            Errno.EBUSY,
            () -> {
              for (int i = 0; i < 1000; i++) {
                UUID next = create("s" + i, "c27");
                more.add(next);
                snapshots.take(next);
              }
            });
    System.out.println("case27: snapshot " + (more.size() + 1) + ": " + refusal);
    assertTrue(refusal.contains("c27"), refusal);
    snapshots.destroy(more.get(0));
    snapshots.take(create("after", "c27"));
  }

  @Test
  void case28_collectTellsOfAllSnapshots() throws Exception {
    agent.disk("c28", SIZE);
    List<UUID> ids = new ArrayList<>();
    for (String name : List.of("one", "two", "three")) {
      ids.add(create(name, "c28"));
    }
    assertEquals(ids, agent.snapshots().list().stream().map(SnapshotInfo::id).toList());
    // No caller has a number of slots: the tool prints as many lines as there are snapshots.
    String expected = ids.get(0) + " \n" + ids.get(1) + " \n" + ids.get(2) + " \n\n";
    assertEquals(expected, agent.blksnap("snapshot_collect").out());
  }

  @Test
  void case29_snapshotsOfOtherDevicesAreIndependent() throws Exception {
    BlockDevice one = agent.trackedDisk("c29a", SIZE);
    BlockDevice two = agent.trackedDisk("c29b", SIZE);
    UUID first = agent.take("first", "c29a").id();
    UUID second = agent.take("second", "c29b").id();
    LIVE.write(one, 0, SECTOR);
    LIVE.write(two, 2 * SECTOR, SECTOR);
    BEFORE.check(agent.image("c29a", "first"), 0, SIZE, "the first image");
    BEFORE.check(agent.image("c29b", "second"), 0, SIZE, "the second image");
    corrupt("c29a", one);
    assertEquals("c29a", event(first).orElseThrow().device());
    assertEquals(Optional.empty(), agent.snapshots().waitEvent(second, Duration.ZERO));
    agent.snapshots().destroy(first);
    BEFORE.check(agent.image("c29b", "second"), 0, SIZE, "the second image is still there");
  }

  /** Has the copy of a chunk fail that nothing was written to yet. */
  private static void corrupt(String device, BlockDevice live) throws Exception {
    agent.attach(device, "fault");
    agent.filters().ctl(device, "fault", "add", List.of("error", "op=read", "count=1"));
    LIVE.write(live, SIZE / 2, SECTOR);
    agent.filters().detach(device, "fault");
  }

  private static Optional<SnapshotEvent> event(UUID id) throws Exception {
    return agent.snapshots().waitEvent(id, LONG);
  }

  @Test
  void case30_aBadSecondDeviceLeavesASnapshotThatCanBeDestroyed() throws Exception {
    agent.disk("c30", SIZE);
    InProcessAgent.ToolRun run =
        agent.blksnap(
            "snapshot_create",
            "--device=c30",
            "--device=missing",
            "--file=" + agent.directory(),
            "--limit=1M");
    assertEquals(1, run.exitCode(), run.err());
    UUID id = UUID.fromString(run.out().strip());
    assertEquals(id + " \n\n", agent.blksnap("snapshot_collect").out());
    assertEquals(0, agent.blksnap("snapshot_destroy", "-i", id.toString()).exitCode());
    assertEquals("\n", agent.blksnap("snapshot_collect").out());
  }

  @Test
  void case31_nothingIsAddedAfterTheTake() throws Exception {
    agent.disk("c31a", SIZE);
    agent.disk("c31b", SIZE);
    UUID id = agent.take("s", "c31a").id();
    Errors.refused(Errno.EBUSY, () -> agent.snapshots().add(id, "c31b"));
    List<SnapshotDeviceInfo> devices = agent.snapshots().info(id).devices();
    assertEquals(1, devices.size());
    assertFalse(devices.get(0).image().isEmpty());
  }

  @Test
  void case36_destroyUnderReadersAndWritersIsPrompt() throws Exception {
    BlockDevice live = agent.trackedDisk("c36", SIZE);
    UUID id = agent.take("s", "c36").id();
    BlockDevice image = agent.image("c36", "s");
    AtomicBoolean over = new AtomicBoolean();
    CountDownLatch allAtIt = new CountDownLatch(3);
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      Future<Errno> reader = threads.submit(() -> untilItFails(allAtIt, image, false));
      Future<Errno> writer = threads.submit(() -> untilItFails(allAtIt, image, true));
      Future<?> origin =
          threads.submit(
              () -> {
                for (long i = 0; !over.get(); i++) {
                  LIVE.write(live, i % (SIZE / SECTOR) * SECTOR, SECTOR);
                  allAtIt.countDown();
                }
                return null;
              });
      assertTrue(allAtIt.await(60, TimeUnit.SECONDS), "not all are at it");
      agent.snapshots().destroy(id);
      assertEquals(Errno.EIO, reader.get(60, TimeUnit.SECONDS), "to a reader of the image");
      assertEquals(Errno.EIO, writer.get(60, TimeUnit.SECONDS), "to a writer of the image");
      agent.filters().detach("c36", ChangeTracking.FILTER_NAME);
      over.set(true);
      origin.get(60, TimeUnit.SECONDS);
    } finally {
      over.set(true);
      threads.shutdownNow();
    }
    assertEquals(0, agent.devices().stats("c36").errorCount());
    LIVE.check(live, 0, SECTOR, "the origin");
  }

  /** Goes round the image; the errno that ends it. */
  private static Errno untilItFails(CountDownLatch atIt, BlockDevice image, boolean writes) {
    try {
      for (long i = 0; true; i++) {
        long at = i % (SIZE / SECTOR) * SECTOR;
        if (writes) {
          IMAGE.write(image, at, SECTOR);
        } else {
          SectorPattern.read(image, at, SECTOR);
        }
        atIt.countDown();
      }
    } catch (ErrnoException e) {
      return e.errno();
    }
  }

  @Test
  void case38_aWaitEndsAtItsTime_andAnEventHasOneReader() throws Exception {
    BlockDevice live = agent.trackedDisk("c38", SIZE);
    UUID id = agent.take("s", "c38").id();
    long fromNanos = System.nanoTime();
    String result = agent.blksnap("snapshot_waitevent", "-i", id.toString(), "-t", "500").out();
    long tookMillis = (System.nanoTime() - fromNanos) / 1_000_000;
    assertEquals("result=timeout\n", result);
    System.out.println("case38: a wait of 500 ms took " + tookMillis + " ms");
    assertTrue(tookMillis >= 400, "it took " + tookMillis + " ms");

    corrupt("c38", live);
    assertEquals(SnapshotEvent.Code.CORRUPTED, event(id).orElseThrow().code(), "kept till asked");

    UUID next = agent.take("next", "c38").id();
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      // The second wait is destroyed away; it must not have got the event as well.
      Future<Optional<SnapshotEvent>> one = threads.submit(() -> event(next));
      Future<Optional<SnapshotEvent>> two = threads.submit(() -> event(next));
      corrupt("c38", live);
      awaitEither(one, two);
      agent.snapshots().destroy(next);
      assertEquals(1, got(one) + got(two), "one event, one reader");
    } finally {
      threads.shutdownNow();
    }
  }

  private static void awaitEither(Future<?> one, Future<?> two) {
    long endNanos = System.nanoTime() + LONG.toNanos();
    while (!one.isDone() && !two.isDone()) {
      assertTrue(System.nanoTime() < endNanos, "nobody got the event");
      Thread.onSpinWait();
    }
  }

  private static int got(Future<Optional<SnapshotEvent>> waiter) throws Exception {
    try {
      return waiter.get(60, TimeUnit.SECONDS).isPresent() ? 1 : 0;
    } catch (ExecutionException e) {
      assertEquals(Errno.ESRCH, ((ErrnoException) e.getCause()).errno());
      return 0;
    }
  }

  @Test
  void case39_theEventNamesDeviceAndErrnoOnce() throws Exception {
    BlockDevice live = agent.trackedDisk("c39", SIZE);
    agent.disk("c39other", SIZE);
    UUID id = agent.take("s", "c39", "c39other").id();
    corrupt("c39", live);
    LIVE.write(live, 0, (int) SIZE);
    SnapshotEvent event = event(id).orElseThrow();
    assertEquals(id, event.snapshot());
    assertEquals(SnapshotEvent.Code.CORRUPTED, event.code());
    assertEquals("c39", event.device());
    assertEquals(Errno.EIO.number(), event.errno());
    SnapshotDeviceInfo info = agent.snapshots().info(id).devices().get(0);
    assertEquals(-Errno.EIO.number(), info.errorCode());
    assertEquals(
        "-" + Errno.EIO.number() + "\n",
        agent.blksnap("snapshot_info", "-d", "c39", "-f", "error_code").out());
    assertEquals(Optional.empty(), agent.snapshots().waitEvent(id, Duration.ZERO), "once");
  }
}
