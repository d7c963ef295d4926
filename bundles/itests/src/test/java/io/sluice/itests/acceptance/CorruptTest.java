package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * blksnap's own test_corrupt: no sector of an image is newer than its snapshot, older than what was
 * complete before it, or another's. For another seed say {@code -Dsluice.test.seed=N}; for longer
 * than a minute in all, {@code -Dsluice.test.corrupt.seconds=600}.
 */
class CorruptTest {
  private static final long SEED = Long.getLong("sluice.test.seed", 20261127);
  private static final long DURATION_SECONDS = Long.getLong("sluice.test.corrupt.seconds", 50);

  /** How long a snapshot is held under writers. */
  private static final long CYCLE_SECONDS_MAX = 5;

  private static final long JOIN_LIMIT_MILLIS = 60_000;
  private static final int DEVICE_COUNT = 4;
  private static final int WRITERS_OF_EACH = 2;
  private static final int SIZE_BYTES = 24 << 20;
  private static final int BLOCK_SECTORS = 512;
  private static final int[] CHUNK_SIZES_BYTES = {4096, 65536, 256 << 10};

  @TempDir static Path scratch;
  private static InProcessAgent agent;
  private final AtomicBoolean over = new AtomicBoolean();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final AtomicLong checkCount = new AtomicLong();

  @BeforeAll
  static void start() throws Exception {
    agent = InProcessAgent.start(scratch.resolve("run"), Map.of());
    System.out.println(
        "CorruptTest: replay with -Dsluice.test.seed="
            + SEED
            + " -Dsluice.test.corrupt.seconds="
            + DURATION_SECONDS);
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private static CheckedDevice device(String name, int sizeBytes) throws Exception {
    return new CheckedDevice(name, agent.trackedDisk(name, sizeBytes));
  }

  private static SnapshotInfo take(List<String> devices, int chunkSizeBytes) throws Exception {
    UUID id =
        agent
            .snapshots()
            .create(
                new SnapshotRequest(
                    devices, "dir", agent.directory().toString(), 0, chunkSizeBytes, "s"));
    return agent.snapshots().take(id);
  }

  /** Nothing is wrong; else which tracking numbers the wrong sectors' blocks have, too. */
  private static void assertNothing(List<String> wrong, String device) throws Exception {
    if (!wrong.isEmpty()) {
      throw new AssertionError(
          wrong.size()
              + " sectors of the image of "
              + device
              + ", seed "
              + SEED
              + ": "
              + wrong.subList(0, Math.min(8, wrong.size()))
              + "; tracking "
              + agent.tracking().info(device)
              + ", "
              + agent.snapshots().list());
    }
  }

  @Test
  void case47_simple_theFirstBlocksAndSomeOthers() throws Exception {
    Random random = new Random(SEED);
    CheckedDevice device = device("simple", SIZE_BYTES + 3 * SelfDescribingSectors.SECTOR_BYTES);
    for (int chunkSizeBytes : CHUNK_SIZES_BYTES) {
      long[] before = device.completedNow();
      SnapshotInfo snapshot = take(List.of("simple"), chunkSizeBytes);
      CheckedImage image = device.imageAfterTake(agent.image("simple", "s"), before);
      assertNothing(image.check(), "simple");
      device.write(0, 1);
      device.write(BLOCK_SECTORS, BLOCK_SECTORS);
      device.write(2 * BLOCK_SECTORS, BLOCK_SECTORS);
      device.write(device.sectorCount() - 1, 1);
      for (int i = 0; i < 200; i++) {
        device.writeSomewhere(random, 0, 1);
      }
      assertNothing(image.check(), "simple");
      assertSpoilingIsFound(image);
      agent.snapshots().destroy(snapshot.id());
    }
  }

  /** Proves that the check sees what it is for. */
  private static void assertSpoilingIsFound(CheckedImage image) throws ErrnoException {
    List<Integer> spoilt = List.of(0, image.sectorCount() / 2, image.sectorCount() - 1);
    for (int sector : spoilt) {
      image.spoil(sector);
    }
    List<String> wrong = image.check();
    assertEquals(spoilt.size(), wrong.size(), () -> "of the spoilt sectors it finds " + wrong);
    for (int i = 0; i < spoilt.size(); i++) {
      assertTrue(wrong.get(i).startsWith("sector " + spoilt.get(i) + ":"), wrong.get(i));
      assertTrue(wrong.get(i).contains("newer than the snapshot"), wrong.get(i));
    }
  }

  @Test
  void case47_manyDevicesWithParallelWritersAndCheckers() throws Exception {
    List<CheckedDevice> devices = new ArrayList<>();
    for (int i = 0; i < DEVICE_COUNT; i++) {
      devices.add(device("disk" + i, SIZE_BYTES));
    }
    List<String> names = devices.stream().map(CheckedDevice::name).toList();
    List<Thread> writers = startWriters(devices);
    Random random = new Random(SEED);
    long endNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(DURATION_SECONDS);
    int snapshotCount = 0;
    List<CheckedImage> images = List.of();
    try {
      while (System.nanoTime() < endNanos && failure.get() == null) {
        if (snapshotCount > 0) {
          agent.snapshots().destroy(agent.snapshots().resolve("s"));
        }
        int chunkSizeBytes = CHUNK_SIZES_BYTES[random.nextInt(CHUNK_SIZES_BYTES.length)];
        images = takeAndCheck(devices, names, chunkSizeBytes, endNanos);
        snapshotCount++;
      }
    } finally {
      over.set(true);
      join(writers);
    }
    long writeCount = devices.stream().mapToLong(CheckedDevice::writeCount).sum();
    System.out.println(
        "CorruptTest: "
            + DEVICE_COUNT
            + " devices, "
            + snapshotCount
            + " snapshots, "
            + writeCount
            + " writes, "
            + checkCount
            + " checks beside them");
    assertTrue(snapshotCount > 0 && checkCount.get() > 0, "nothing was checked");
    for (CheckedImage image : images) {
      assertSpoilingIsFound(image);
    }
  }

  private List<CheckedImage> takeAndCheck(
      List<CheckedDevice> devices, List<String> names, int chunkSizeBytes, long endNanos)
      throws Exception {
    List<long[]> before = devices.stream().map(CheckedDevice::completedNow).toList();
    take(names, chunkSizeBytes);
    List<CheckedImage> images = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      images.add(devices.get(i).imageAfterTake(agent.image(names.get(i), "s"), before.get(i)));
    }
    long cycleNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(CYCLE_SECONDS_MAX);
    long untilNanos = Math.min(cycleNanos, endNanos);
    List<Thread> checkers = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      checkers.add(checker(images.get(i), names.get(i), new Random(SEED + 100 + i), untilNanos));
    }
    checkers.forEach(Thread::start);
    join(checkers);
    for (int i = 0; i < devices.size(); i++) {
      assertNothing(images.get(i).check(), names.get(i));
    }
    return images;
  }

  private Thread checker(CheckedImage image, String device, Random random, long untilNanos) {
    return thread(
        "checker of " + device,
        () -> {
          while (System.nanoTime() < untilNanos && failure.get() == null) {
            assertNothing(image.checkSomewhere(random), device);
            checkCount.incrementAndGet();
          }
        });
  }

  private List<Thread> startWriters(List<CheckedDevice> devices) {
    List<Thread> writers = new ArrayList<>();
    for (CheckedDevice device : devices) {
      for (int part = 0; part < WRITERS_OF_EACH; part++) {
        int own = part;
        Random random = new Random(SEED + writers.size());
        writers.add(
            thread(
                "writer " + part + " of " + device.name(),
                () -> {
                  while (!over.get()) {
                    device.writeSomewhere(random, own, WRITERS_OF_EACH);
                  }
                }));
      }
    }
    writers.forEach(Thread::start);
    return writers;
  }

  /** Something that a thread does, whose failure is the test's. */
  @FunctionalInterface
  private interface Task {
    void run() throws Exception;
  }

  private Thread thread(String name, Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (Throwable e) {
                failure.compareAndSet(null, e);
              }
            },
            name);
    thread.setDaemon(true);
    return thread;
  }

  private void join(List<Thread> threads) throws Exception {
    for (Thread thread : threads) {
      thread.join(JOIN_LIMIT_MILLIS);
      assertFalse(thread.isAlive(), thread.getName() + " hangs");
    }
    if (failure.get() != null) {
      throw new AssertionError("seed " + SEED, failure.get());
    }
  }
}
