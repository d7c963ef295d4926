package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** blksnap's acceptance cases 40 to 54: copy-on-write and images, with the module's own chunk. */
@Timeout(120)
class CowCasesTest {
  private static final int SECTOR = DeviceGeometry.SECTOR_SIZE_BYTES;
  private static final int CHUNK = 256 << 10;
  private static final int CHUNK_COUNT = 16;

  private static final int BLOCK = 4096;
  private static final int WRITER_COUNT = 64;
  private static final long SEED = 20261127;
  private static final long LIMIT_MILLIS = 60_000;

  /** What may be on its way to a store: 4 batches, and 32 copies before them, of 256 KiB each. */
  private static final long IN_FLIGHT_MAX_BYTES = 4L * CHUNK + 32 * CHUNK;

  private static final long SIZE = (long) CHUNK * CHUNK_COUNT;
  private static final SectorPattern BEFORE = SectorPattern.ofOrigin();
  private static final SectorPattern LIVE = new SectorPattern(2);
  private static final SectorPattern IMAGE = new SectorPattern(3);

  @TempDir static Path scratch;
  private static InProcessAgent agent;
  private BlockDevice live;
  private BlockDevice image;
  private UUID snapshot;

  @BeforeAll
  static void start() throws Exception {
    agent =
        InProcessAgent.start(
            scratch.resolve("run"),
            Map.of(
                "sluice.blksnap.chunk_minimum_shift", "18",
                // So that a store which stands still costs no snapshot here.
                "sluice.blksnap.copy_limit_ms", "600000"));
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private void snapshotOf(String name, long sizeBytes) throws Exception {
    live = agent.trackedDisk(name, sizeBytes);
    SnapshotInfo info = agent.take("s", name);
    snapshot = info.id();
    image = agent.image(name, "s");
    assertEquals(CHUNK, info.devices().get(0).chunkSizeBytes());
  }

  private SnapshotDeviceInfo info() throws Exception {
    return agent.snapshots().info(snapshot).devices().get(0);
  }

  private long filledBytes() throws Exception {
    return agent.snapshots().info(snapshot).store().filledBytes();
  }

  @Test
  void case40_thousandOverwritesConsumeOneChunk() throws Exception {
    snapshotOf("c40", SIZE);
    for (int i = 0; i < 1000; i++) {
      new SectorPattern(100 + i).write(live, 5L * CHUNK + SECTOR, SECTOR);
    }
    assertEquals(1, info().chunksSaved());
    assertEquals(CHUNK, filledBytes());
    assertEquals(CHUNK, info().bytesCopied());
    BEFORE.check(image, 0, SIZE, "the image");
    new SectorPattern(1099).check(live, 5L * CHUNK + SECTOR, SECTOR, "the last write");
  }

  @Test
  void case42_theShortLastChunkOfOriginAndImage() throws Exception {
    long size = SIZE + 3 * SECTOR;
    snapshotOf("c42", size);
    LIVE.write(live, size - SECTOR, SECTOR);
    BEFORE.check(image, 0, size, "the image after a write to the origin's last sector");
    IMAGE.write(image, size - 2 * SECTOR, 2 * SECTOR);
    IMAGE.check(image, size - 2 * SECTOR, 2 * SECTOR, "what the image was given");
    BEFORE.check(image, 0, size - 2 * SECTOR, "the rest of the image");
    LIVE.check(live, size - SECTOR, SECTOR, "the origin's last sector");
    BEFORE.check(live, 0, size - SECTOR, "the rest of the origin");
    Errors.refused(Errno.ENOSPC, () -> IMAGE.write(image, size, SECTOR));
    Errors.refused(Errno.ENOSPC, () -> LIVE.write(live, size - SECTOR, 2 * SECTOR));
    LIVE.check(live, size - SECTOR, SECTOR, "after a write past the end was refused");
    assertEquals(size, Files.size(agent.origin("c42")), "nothing beyond the end");
  }

  @Test
  void case43_oneWriteOverFiveChunksOfWhichTwoAreCopied() throws Exception {
    snapshotOf("c43", SIZE);
    LIVE.write(live, 4L * CHUNK, SECTOR);
    LIVE.write(live, 6L * CHUNK, SECTOR);
    assertEquals(2, info().chunksSaved());
    new SectorPattern(9).write(live, 3L * CHUNK + SECTOR, 4 * CHUNK);
    assertEquals(5, info().chunksSaved());
    assertEquals(5L * CHUNK, filledBytes());
    assertEquals(5L * CHUNK, info().bytesCopied(), "each chunk was read once");
    BEFORE.check(image, 0, SIZE, "the image");
    new SectorPattern(9).check(live, 3L * CHUNK + SECTOR, 4 * CHUNK, "the write");
  }

  @Test
  void case44_imageAndOriginWritesInOneChunkInBothOrders() throws Exception {
    snapshotOf("c44", SIZE);
    IMAGE.write(image, 2L * CHUNK, SECTOR);
    LIVE.write(live, 2L * CHUNK, 3 * SECTOR);
    LIVE.write(live, 8L * CHUNK, 3 * SECTOR);
    IMAGE.write(image, 8L * CHUNK, SECTOR);
    for (long at : new long[] {2L * CHUNK, 8L * CHUNK}) {
      IMAGE.check(image, at, SECTOR, "the image's own data");
      BEFORE.check(image, at + SECTOR, CHUNK - SECTOR, "the rest of the image's chunk");
      LIVE.check(live, at, 3 * SECTOR, "the origin's own data");
      BEFORE.check(live, at + 3 * SECTOR, CHUNK - 3 * SECTOR, "the rest of the origin's chunk");
    }
  }

  @Test
  void case50_writeZeroesDiscardAndFuaAreCopiedLikeWrites() throws Exception {
    live = agent.trackedDisk("c50", SIZE);
    // Below the snapshots, so it sees what reaches the origin.
    BioFlags seen = new BioFlags();
    agent.filters().register(seen);
    try {
      agent.attach("c50", seen.name());
      agent.take("s", "c50");
      image = agent.image("c50", "s");
      live.submit(new Bio().writeZeroes(0, CHUNK, 0));
      live.submit(new Bio().discard(2L * CHUNK, CHUNK, 0));
      live.submit(new Bio().writeZeroes(4L * CHUNK, CHUNK, Bio.FUA));
      live.submit(new Bio().write(6L * CHUNK, LIVE.bytes(6L * CHUNK, SECTOR), Bio.FUA));
      BEFORE.check(image, 0, SIZE, "the image");
      LIVE.check(live, 6L * CHUNK, SECTOR, "the write");
      assertEquals(
          0,
          SectorPattern.read(live, 4L * CHUNK, 1).get(0) + SectorPattern.read(live, 0, 1).get(0));
      assertEquals(2, seen.fuaWrites(), "writes that reached the origin with FUA");
      assertTrue(seen.reads() > 0, "reads for copies and of the image went this way");
      assertEquals(0, seen.readsWithFlags(), "reads with flags of writes");
    } finally {
      agent.clear();
      agent.filters().unregister(seen);
    }
  }

  @Test
  void case51_aBioThatMustBeFastIsNeverAnUncopiedOverwrite() throws Exception {
    snapshotOf("c51", SIZE);
    int done = 0;
    for (int chunk = 0; chunk < CHUNK_COUNT; chunk++) {
      int flags = Bio.FAST_ONLY | (chunk % 2 == 0 ? 0 : Bio.NO_UNMAP);
      try {
        live.submit(new Bio().writeZeroes((long) chunk * CHUNK, CHUNK, flags));
        done++;
      } catch (ErrnoException e) {
        assertEquals(Errno.ENOTSUP, e.errno(), e.getMessage());
        BEFORE.check(live, (long) chunk * CHUNK, CHUNK, "what was refused is untouched");
      }
    }
    System.out.println("case51: " + done + " of " + CHUNK_COUNT + " fast zeroings were done");
    BEFORE.check(image, 0, SIZE, "the image");
  }

  @Test
  void case52_parallelWritersUnderASlowStoreAreBoundedAndNoneStarves() throws Exception {
    int writesOfEach = 10_000 / WRITER_COUNT + 1;
    long size = 32L << 20;
    SlowStore store = new SlowStore(size * 2);
    var registration = store.register(agent.context());
    List<Thread> writers = new ArrayList<>();
    AtomicLong written = new AtomicLong();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try {
      live = agent.trackedDisk("c52", size);
      SnapshotRequest smallChunks =
          new SnapshotRequest(List.of("c52"), SlowStore.KIND, "x", 0, BLOCK, "s");
      snapshot = agent.snapshots().take(agent.snapshots().create(smallChunks)).id();
      store.holdWrites();
      for (int t = 0; t < WRITER_COUNT; t++) {
        Random random = new Random(SEED + t);
        writers.add(
            new Thread(() -> write(random, writesOfEach, size, written, failure), "writer " + t));
      }
      writers.forEach(Thread::start);
      awaitAllWaiting(writers);
      long savedBytes = info().chunksSaved() * BLOCK;
      System.out.println(
          "case52: while the store stands, " + (savedBytes >> 10) + " KiB are saved");
      assertTrue(savedBytes <= IN_FLIGHT_MAX_BYTES, savedBytes + " bytes, seed " + SEED);
      assertTrue(store.mostBytesAtOnce() <= IN_FLIGHT_MAX_BYTES);
      store.letGo();
      for (Thread writer : writers) {
        writer.join(LIMIT_MILLIS);
      }
      assertNull(failure.get());
      assertEquals((long) WRITER_COUNT * writesOfEach, written.get(), "none starves");
      assertEquals(0, info().errorCode());
      BEFORE.check(agent.image("c52", "s"), 0, size, "the image");
    } finally {
      store.letGo();
      agent.clear();
      registration.unregister();
    }
  }

  private void write(
      Random random,
      int count,
      long sizeBytes,
      AtomicLong written,
      AtomicReference<Throwable> failure) {
    try {
      for (int i = 0; i < count; i++) {
        LIVE.write(live, (long) random.nextInt((int) (sizeBytes / BLOCK)) * BLOCK, BLOCK);
        written.incrementAndGet();
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  /** Until the store, which stands, has brought all writers to a stand. */
  private static void awaitAllWaiting(List<Thread> writers) {
    long endNanos = System.nanoTime() + LIMIT_MILLIS * 1_000_000;
    while (!writers.stream().allMatch(CowCasesTest::waits)) {
      assertTrue(System.nanoTime() < endNanos, "writers go on, whatever the store does");
      Thread.onSpinWait();
    }
  }

  private static boolean waits(Thread thread) {
    Thread.State state = thread.getState();
    return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
  }

  @Test
  void case53_imageFlushAndDiscardNeverReachTheOrigin() throws Exception {
    snapshotOf("c53", SIZE);
    image.submit(new Bio().flush());
    if (image.geometry().ops().contains(BioOp.DISCARD)) {
      image.submit(new Bio().discard(CHUNK, CHUNK, 0));
      assertEquals(0, SectorPattern.read(image, CHUNK, SECTOR).get(0), "a discard reads as zeroes");
    }
    image.submit(new Bio().flush());
    BEFORE.check(image, 0, CHUNK, "the image before the discard");
    BEFORE.check(image, 2L * CHUNK, SIZE - 2 * CHUNK, "the image after the discard");
    BEFORE.check(live, 0, SIZE, "the origin");
  }

  @Test
  void case54_aCorruptedDeviceCostsItsImageAlone() throws Exception {
    BlockDevice one = agent.trackedDisk("c54a", SIZE);
    BlockDevice two = agent.trackedDisk("c54b", SIZE);
    agent.attach("c54a", "fault");
    UUID id = agent.take("s", "c54a", "c54b").id();
    BlockDevice lost = agent.image("c54a", "s");
    BlockDevice sibling = agent.image("c54b", "s");
    agent.filters().ctl("c54a", "fault", "add", List.of("error", "op=read", "count=1"));
    LIVE.write(one, CHUNK, SECTOR);
    LIVE.check(one, CHUNK, SECTOR, "the write whose copy failed");
    Errors.refused(Errno.EIO, () -> SectorPattern.read(lost, 0, SECTOR));
    Errors.refused(Errno.EIO, () -> IMAGE.write(lost, 0, SECTOR));
    LIVE.write(two, CHUNK, SECTOR);
    BEFORE.check(sibling, 0, SIZE, "the sibling");
    IMAGE.write(sibling, CHUNK, SECTOR);
    IMAGE.check(sibling, CHUNK, SECTOR, "the sibling's own data");
    LIVE.check(two, CHUNK, SECTOR, "the sibling's origin");
    List<SnapshotDeviceInfo> devices = agent.snapshots().info(id).devices();
    assertEquals(-Errno.EIO.number(), devices.get(0).errorCode());
    assertEquals(0, devices.get(1).errorCode());
  }
}
