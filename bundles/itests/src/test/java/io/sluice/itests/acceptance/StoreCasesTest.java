package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * blksnap's acceptance cases 56 to 67: difference storage, with the module's chunk and a minimum of
 * 4 MiB where a case names no other.
 */
@Timeout(240)
class StoreCasesTest {
  private static final int SECTOR = DeviceGeometry.SECTOR_SIZE_BYTES;
  private static final int CHUNK = 256 << 10;
  private static final long MIB = 1 << 20;
  private static final long SIZE = 16 * MIB;
  private static final SectorPattern BEFORE = SectorPattern.ofOrigin();
  private static final SectorPattern LIVE = new SectorPattern(2);
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir static Path scratch;
  private static InProcessAgent agent;

  @BeforeAll
  static void start() throws Exception {
    agent = startWithMinimum("run", 4 * MIB);
  }

  private static InProcessAgent startWithMinimum(String name, long minimumBytes) throws Exception {
    return InProcessAgent.start(
        scratch.resolve(name),
        Map.of(
            "sluice.blksnap.chunk_minimum_shift",
            "18",
            "sluice.blksnap.diff_storage_minimum",
            Long.toString(minimumBytes / SECTOR)));
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private static UUID take(String kind, Object argument, long limitBytes, String device)
      throws Exception {
    UUID id = agent.create("s", kind, argument.toString(), limitBytes, device);
    return agent.snapshots().take(id).id();
  }

  private static Path file(String name, long sizeBytes) throws IOException {
    Path path = scratch.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(sizeBytes);
    }
    return path;
  }

  @Test
  void case56_kindsOfStores() throws Exception {
    agent.disk("c56", SIZE);
    Path fifo = scratch.resolve("fifo");
    Process made = new ProcessBuilder("mkfifo", fifo.toString()).start();
    assertEquals(0, made.waitFor(), "mkfifo");
    Path missing = scratch.resolve("missing");
    Map<String, Errno> refused =
        Map.of(
            "file:" + fifo,
            Errno.EINVAL,
            "file:/dev/null",
            Errno.EINVAL,
            "blockdev:" + fifo,
            Errno.EINVAL,
            "blockdev:/dev/null",
            Errno.EINVAL,
            "dir:" + missing,
            Errno.ENOENT,
            "file:" + missing.resolve("file"),
            Errno.ENOENT,
            "blockdev:" + missing,
            Errno.ENOENT);
    for (Map.Entry<String, Errno> store : refused.entrySet()) {
      String[] kindAndPath = store.getKey().split(":", 2);
      String refusal =
          Errors.refused(
              store.getValue(), () -> agent.create("s", kindAndPath[0], kindAndPath[1], 0, "c56"));
      assertTrue(refusal.contains(kindAndPath[1]), refusal);
    }
    for (String kind : List.of("dir:" + scratch, "file:" + scratch.resolve("new"))) {
      String[] kindAndPath = kind.split(":", 2);
      agent.snapshots().destroy(take(kindAndPath[0], kindAndPath[1], 0, "c56"));
    }
    Path inUse = file("in-use", SIZE);
    take("file", inUse, 0, "c56");
    Errors.refused(Errno.EBUSY, () -> agent.create("t", "file", inUse.toString(), 0, "c56"));
  }

  @Test
  void case57_anUnnamedFileIsInvisibleAndGoes_aFileStays() throws Exception {
    BlockDevice live = agent.trackedDisk("c57", SIZE);
    Path directory = Files.createDirectory(scratch.resolve("unnamed"));
    UUID id = take("dir", directory, 0, "c57");
    LIVE.write(live, 0, (int) SIZE);
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(), files.toList());
    }
    assertEquals(1, openFilesIn(directory));
    agent.snapshots().destroy(id);
    awaitNoneOpenIn(directory);
    Path named = scratch.resolve("named");
    agent.snapshots().destroy(take("file", named, 0, "c57"));
    assertTrue(Files.exists(named), "a regular file is kept");
  }

  /** Until the last user of a store has closed it, so that its space is free. */
  private static void awaitNoneOpenIn(Path directory) throws IOException {
    long endNanos = System.nanoTime() + LONG.toNanos();
    while (openFilesIn(directory) > 0) {
      assertTrue(System.nanoTime() < endNanos, () -> "a file in " + directory + " is still open");
      Thread.onSpinWait();
    }
  }

  /** Files in a directory that this process has open, counted once each. */
  private static long openFilesIn(Path directory) throws IOException {
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      return descriptors
          .map(StoreCasesTest::target)
          .filter(target -> target.startsWith(directory + "/"))
          .distinct()
          .count();
    }
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }

  @Test
  void case58_aFileGrowsToItsLimitAndHoldsExactlySoManyChunks() throws Exception {
    long minimum = 128 * MIB;
    long limit = 512 * MIB;
    int chunkCount = (int) (limit / CHUNK);
    InProcessAgent large = startWithMinimum("run58", minimum);
    try {
      BlockDevice live = large.trackedDisk("c58", limit + CHUNK);
      Path store = file("store58", minimum);
      UUID id = large.create("s", "file", store.toString(), limit, "c58");
      large.snapshots().take(id);
      assertEquals(minimum, large.snapshots().info(id).store().capacityBytes());
      writeChunks(live, 0, 255);
      assertEquals(minimum, large.snapshots().info(id).store().capacityBytes(), "64 MiB are left");
      writeChunks(live, 255, 256);
      awaitCapacity(large, id, 2 * minimum);
      writeChunks(live, 256, chunkCount);
      SnapshotInfo full = large.snapshots().info(id);
      assertEquals(limit, full.store().capacityBytes());
      assertEquals(chunkCount, full.devices().get(0).chunksSaved());
      assertEquals(0, full.devices().get(0).errorCode(), "all of them fit");
      BEFORE.check(large.image("c58", "s"), 0, limit + CHUNK, "the image of a full store");
      writeChunks(live, chunkCount, chunkCount + 1);
      assertEquals(
          -Errno.ENOSPC.number(),
          large.snapshots().info(id).devices().get(0).errorCode(),
          "and not one more");
      LIVE.check(live, limit, SECTOR, "the write that overflowed it");
      assertEquals(limit, Files.size(store));
    } finally {
      large.clear();
      large.close();
      Files.delete(large.origin("c58"));
      Files.delete(scratch.resolve("store58"));
    }
  }

  /** Touches each of these chunks. */
  private static void writeChunks(BlockDevice live, int from, int to) throws Exception {
    for (int chunk = from; chunk < to; chunk++) {
      LIVE.write(live, (long) chunk * CHUNK, SECTOR);
    }
  }

  private static void awaitCapacity(InProcessAgent agent, UUID id, long capacityBytes)
      throws Exception {
    long endNanos = System.nanoTime() + LONG.toNanos();
    while (agent.snapshots().info(id).store().capacityBytes() < capacityBytes) {
      assertTrue(System.nanoTime() < endNanos, () -> "the store does not grow");
      Thread.onSpinWait();
    }
    assertEquals(capacityBytes, agent.snapshots().info(id).store().capacityBytes());
  }

  @Test
  void case59_aSmallFileGrowsAtOnce_andOneAboveItsLimitIsRefused() throws Exception {
    long minimum = 1024 * MIB;
    InProcessAgent large = startWithMinimum("run59", minimum);
    try {
      large.disk("c59", SIZE);
      Path store = file("store59", 4096);
      UUID id = large.create("s", "file", store.toString(), 2 * minimum, "c59");
      assertEquals(minimum + 4096, large.snapshots().info(id).store().capacityBytes());
      assertEquals(minimum + 4096, Files.size(store));
      Path above = file("above59", 8 * MIB);
      Errors.refused(
          Errno.ENOSPC, () -> large.create("t", "file", above.toString(), 4 * MIB, "c59"));
      assertEquals(8 * MIB, Files.size(above));
    } finally {
      large.clear();
      large.close();
      Files.delete(scratch.resolve("store59"));
    }
  }

  @Test
  void case64_aGrowthThatFailsCostsTheImage_neverAWrite() throws Exception {
    SlowStore store = new SlowStore(64 * MIB);
    var registration = store.register(agent.context());
    try {
      BlockDevice live = agent.trackedDisk("c64", SIZE);
      UUID id = take(SlowStore.KIND, "x", 32 * MIB, "c64");
      store.growable(false);
      LIVE.write(live, 0, (int) SIZE);
      LIVE.check(live, 0, SIZE, "the origin");
      assertEquals(0, agent.devices().stats("c64").errorCount());
      assertEquals(-Errno.ENOSPC.number(), agent.snapshots().info(id).devices().get(0).errorCode());
      Errors.refused(Errno.EIO, () -> SectorPattern.read(agent.image("c64", "s"), 0, SECTOR));
      assertTrue(store.growthsRefused() >= 2, "tried again, " + store.growthsRefused() + " times");
    } finally {
      agent.clear();
      registration.unregister();
    }
  }

  @Test
  void case65_noSpaceIsToldOnceAndBeforeTheOverflow() throws Exception {
    BlockDevice live = agent.trackedDisk("c65", SIZE);
    UUID id = take("dir", scratch, 8 * MIB, "c65");
    writeChunks(live, 0, 16);
    assertEquals(Optional.empty(), event(id, Duration.ZERO), "not while the store can grow");
    writeChunks(live, 16, 25);
    SnapshotEvent warning = event(id, LONG).orElseThrow();
    assertEquals(SnapshotEvent.Code.NO_SPACE, warning.code());
    assertEquals(8 * MIB / SECTOR, warning.requestedSectors());
    writeChunks(live, 25, 32);
    assertEquals(Optional.empty(), event(id, Duration.ZERO), "once");
    BEFORE.check(agent.image("c65", "s"), 0, SIZE, "the image after the warning");
    writeChunks(live, 32, 33);
    SnapshotEvent overflow = event(id, LONG).orElseThrow();
    assertEquals(SnapshotEvent.Code.CORRUPTED, overflow.code());
    assertEquals(Errno.ENOSPC.number(), overflow.errno());
  }

  private static Optional<SnapshotEvent> event(UUID id, Duration timeout) throws Exception {
    return agent.snapshots().waitEvent(id, timeout);
  }

  @Test
  void case66_afterAnOverflowAllIsQuietAndTheNextSnapshotWorks() throws Exception {
    BlockDevice live = agent.trackedDisk("c66", SIZE);
    UUID id = take("dir", scratch, 4 * MIB, "c66");
    writeChunks(live, 0, 17);
    assertEquals(-Errno.ENOSPC.number(), device(id).errorCode());
    long savedChunks = device(id).chunksSaved();
    long copiedBytes = device(id).bytesCopied();
    Lines lines = new Lines();
    InProcessAgent.LOG.addHandler(lines);
    InProcessAgent.LOG.setLevel(Level.ALL);
    try {
      for (int i = 0; i < 1000; i++) {
        LIVE.write(live, (long) (i % 64) * CHUNK, SECTOR);
      }
    } finally {
      InProcessAgent.LOG.setLevel(Level.WARNING);
      InProcessAgent.LOG.removeHandler(lines);
    }
    assertTrue(lines.count.get() <= 2, lines.count + " lines of log for a thousand writes");
    assertEquals(savedChunks, device(id).chunksSaved(), "nothing is saved any more");
    assertEquals(copiedBytes, device(id).bytesCopied(), "nor read");
    agent.snapshots().destroy(id);

    SnapshotInfo next = agent.take("next", "c66");
    new SectorPattern(3).write(live, 0, SECTOR);
    LIVE.check(agent.image("c66", "next"), 0, SECTOR, "the next image");
    int number = next.devices().get(0).changesNumber();
    UUID generation = next.devices().get(0).generationId();
    assertEquals(
        List.of(), agent.tracking().changedSince("c66", generation, number), "the map is still");
    agent.snapshots().destroy(next.id());
    agent.take("last", "c66");
    assertEquals(
        List.of(new SectorRange(0, 128)),
        agent.tracking().changedSince("c66", generation, number),
        "one tracking block");
  }

  private static SnapshotDeviceInfo device(UUID id) throws Exception {
    return agent.snapshots().info(id).devices().get(0);
  }

  /** Counts lines of log. */
  private static final class Lines extends Handler {
    final AtomicInteger count = new AtomicInteger();

    @Override
    public void publish(LogRecord line) {
      count.incrementAndGet();
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void case67_nobodyElseReadsAStore() throws Exception {
    BlockDevice live = agent.trackedDisk("c67", SIZE);
    Path named = scratch.resolve("store67");
    UUID id = take("file", named, 0, "c67");
    LIVE.write(live, 0, CHUNK);
    assertEquals(
        PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(named));
    agent.snapshots().destroy(id);

    // An unnamed one has never had a name, so that it takes its data along.
    Path directory = Files.createDirectory(scratch.resolve("unnamed67"));
    UUID unnamed = take("dir", directory, 0, "c67");
    new SectorPattern(3).write(live, 0, CHUNK);
    agent.snapshots().destroy(unnamed);
    awaitNoneOpenIn(directory);

    // A store that has held data of one device shows none of it in an image of another.
    BlockDevice other = agent.trackedDisk("c67other", SIZE);
    UUID reused = agent.create("s", "file", named.toString(), 0, "c67other");
    agent.snapshots().take(reused);
    LIVE.write(other, CHUNK, SECTOR);
    BEFORE.check(agent.image("c67other", "s"), 0, SIZE, "the image");
  }
}
