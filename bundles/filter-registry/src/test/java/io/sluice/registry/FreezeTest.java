package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.Frozen;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Freezes of one device and of several. */
@Timeout(120)
final class FreezeTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final Duration SHORT = Duration.ofMillis(20);

  private final Fixture fixture = new Fixture(LONG);
  private final ChainRegistry registry = fixture.registry;

  /** Holds the first bio of a device at its origin. */
  private static final class Hold {
    final CountDownLatch reached = new CountDownLatch(1);
    final CountDownLatch release = new CountDownLatch(1);

    Hold(MemoryOrigin origin) {
      origin.before =
          bio -> {
            reached.countDown();
            Fixture.await(release);
          };
    }
  }

  @Test
  void aWriterWaitsUntilTheThaw_andAnInterruptDoesNotHurtIt() throws Exception {
    BlockDevice disk = fixture.add("disk");
    AtomicBoolean flagKept = new AtomicBoolean();
    Worker writer;
    try (Frozen frozen = registry.freeze(List.of("disk"), LONG)) {
      writer =
          Worker.start(
              "writer",
              () -> {
                write(disk, 0, 512, 5);
                flagKept.set(Thread.currentThread().isInterrupted());
              });
      writer.awaitWaiting();
      writer.thread.interrupt();
      writer.awaitWaiting();
      assertEquals(List.of(), fixture.origin("disk").log);
      assertTrue(frozen.heldNanos() > 0);
    }
    writer.join();
    assertTrue(flagKept.get());
    assertEquals(List.of("WRITE 0+512"), fixture.origin("disk").log);
  }

  @Test
  void aTimeOutReopens() throws Exception {
    BlockDevice a = fixture.add("a");
    BlockDevice b = fixture.add("b");
    Hold hold = new Hold(fixture.origin("b"));
    Worker stuck = Worker.start("stuck", () -> write(b, 0, 512, 1));
    Fixture.await(hold.reached);
    refused(
        Errno.EAGAIN,
        () -> registry.freeze(List.of("b", "a"), SHORT),
        "device freeze b",
        "1 bios",
        "20 ms");
    write(a, 0, 512, 1);
    fixture.origin("b").before = bio -> {};
    write(b, 0, 512, 2);
    hold.release.countDown();
    stuck.join();
    try (Frozen frozen = registry.freeze(List.of("a", "b"), LONG)) {
      assertEquals(0, fixture.devices.stats("b").inFlightCount());
      assertTrue(frozen.heldNanos() >= 0);
    }
  }

  @Test
  void allGatesCloseBeforeAnyIsDrained() throws Exception {
    BlockDevice a = fixture.add("a");
    BlockDevice b = fixture.add("b");
    Hold hold = new Hold(fixture.origin("a"));
    Worker slow = Worker.start("slow", () -> write(a, 0, 512, 1));
    Fixture.await(hold.reached);
    CountDownLatch thaw = new CountDownLatch(1);
    CountDownLatch cut = new CountDownLatch(1);
    Worker freezer =
        Worker.start(
            "freezer",
            () -> {
              try (Frozen frozen = registry.freeze(List.of("b", "a", "b"), LONG)) {
                assertEquals(List.of("WRITE 0+512"), fixture.origin("a").log);
                assertEquals(List.of(), fixture.origin("b").log);
                cut.countDown();
                Fixture.await(thaw);
                assertTrue(frozen.heldNanos() > 0);
              }
            });
    freezer.awaitWaiting();
    Worker later = Worker.start("later", () -> write(b, 0, 512, 2));
    later.awaitWaiting();
    assertEquals(List.of(), fixture.origin("b").log);
    hold.release.countDown();
    slow.join();
    Fixture.await(cut);
    assertEquals(List.of(), fixture.origin("b").log);
    thaw.countDown();
    freezer.join();
    later.join();
  }

  @Test
  void noCutEverShowsTheSecondWriteWithoutTheFirst() throws Exception {
    BlockDevice first = fixture.add("z-first");
    BlockDevice second = fixture.add("a-second");
    int writerCount = 3;
    // Each writer has a block of its own on both, and writes to the first, then to the second.
    AtomicLongArray onFirst = new AtomicLongArray(writerCount);
    AtomicLongArray onSecond = new AtomicLongArray(writerCount);
    AtomicInteger begun = new AtomicInteger();
    fixture.origin("z-first").before = bio -> countSlowly(onFirst, bio, begun);
    fixture.origin("a-second").before = bio -> countSlowly(onSecond, bio, begun);
    AtomicBoolean stop = new AtomicBoolean();
    List<Worker> writers = new ArrayList<>();
    for (int i = 0; i < writerCount; i++) {
      int offset = i * 512;
      writers.add(
          Worker.start(
              "writer " + i,
              () -> {
                while (!stop.get()) {
                  write(first, offset, 512, 1);
                  write(second, offset, 512, 1);
                }
              }));
    }
    for (int round = 0; round < 200; round++) {
      try (Frozen frozen = registry.freeze(List.of("z-first", "a-second"), LONG)) {
        String at = "round " + round + " after " + frozen.heldNanos() + " ns";
        long ended = sum(onFirst) + sum(onSecond);
        assertEquals(ended, begun.get(), at + ": nobody is inside");
        for (int i = 0; i < writerCount; i++) {
          long a = onFirst.get(i);
          long b = onSecond.get(i);
          assertTrue(a == b || a == b + 1, () -> at + ": first " + a + ", second " + b);
        }
      }
    }
    stop.set(true);
    for (Worker writer : writers) {
      writer.join();
    }
    DeviceStats stats = fixture.devices.stats("z-first");
    assertEquals(sum(onFirst), stats.writeCount());
    assertEquals(200, stats.freezeCount());
    assertTrue(stats.freezeMaxNanos() > 0);
  }

  private static void countSlowly(AtomicLongArray ended, Bio bio, AtomicInteger begun) {
    begun.incrementAndGet();
    for (int i = 0; i < 500; i++) {
      Thread.onSpinWait();
    }
    ended.incrementAndGet(writerOf(bio.offsetBytes()));
  }

  private static int writerOf(long offsetBytes) {
    return (int) offsetBytes / 512;
  }

  private static long sum(AtomicLongArray values) {
    long sum = 0;
    for (int i = 0; i < values.length(); i++) {
      sum += values.get(i);
    }
    return sum;
  }

  @Test
  void freezesQueue_andAnyThreadMayThaw() throws Exception {
    fixture.add("a");
    fixture.add("b");
    Frozen outer = registry.freeze(List.of("a"), LONG);
    CountDownLatch got = new CountDownLatch(1);
    Worker queued =
        Worker.start(
            "queued",
            () -> {
              try (Frozen inner = registry.freeze(List.of("b", "a"), LONG)) {
                assertTrue(inner.heldNanos() >= 0);
                got.countDown();
              }
            });
    queued.awaitWaiting();
    assertEquals(1, got.getCount());
    Worker.start("thawer", outer::close).join();
    queued.join();
    long held = outer.heldNanos();
    outer.close();
    assertEquals(held, outer.heldNanos(), "a second close changes nothing");
    registry.freeze(List.of("a"), LONG).close();
  }

  @Test
  void theQueueHasALimit() throws ErrnoException {
    Fixture impatient = new Fixture(SHORT);
    impatient.add("a");
    impatient.add("b");
    impatient.register("f", 1, ALL_OPS, PASS);
    Frozen frozen = impatient.registry.freeze(List.of("b"), LONG);
    refused(
        Errno.EAGAIN,
        () -> impatient.registry.freeze(List.of("a", "b"), LONG),
        "freeze b",
        "20 ms");
    refused(Errno.EAGAIN, () -> impatient.attach("b", "f"), "b");
    refused(Errno.EAGAIN, () -> impatient.devices.remove("b"), "b");
    impatient.registry.freeze(List.of("a"), LONG).close();
    frozen.close();
    impatient.attach("b", "f");
  }

  @Test
  void unknownDevicesAreToldBeforeAnythingIsFrozen() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    refused(Errno.ENODEV, () -> registry.freeze(List.of("disk", "nodisk"), LONG), "nodisk");
    write(disk, 0, 512, 1);
    assertEquals(0, fixture.devices.stats("disk").freezeCount());
    registry.freeze(List.of(), LONG).close();
  }

  @Test
  void attachGivesUpOnABioThatHangs() throws Exception {
    Fixture impatient = new Fixture(SHORT);
    BlockDevice disk = impatient.add("disk");
    impatient.register("f", 1, ALL_OPS, PASS);
    Hold hold = new Hold(impatient.origin("disk"));
    Worker stuck = Worker.start("stuck", () -> write(disk, 0, 512, 1));
    Fixture.await(hold.reached);
    refused(Errno.EAGAIN, () -> impatient.attach("disk", "f"), "1 bios", "20 ms");
    assertEquals(List.of(), impatient.registry.chain("disk"));
    hold.release.countDown();
    stuck.join();
    impatient.attach("disk", "f");
    assertArrayEquals(
        new String[] {"f"}, impatient.devices.info("disk").filters().toArray(String[]::new));
  }

  @Test
  void lowerIsOpenWhileTheDeviceIsFrozen() throws ErrnoException {
    fixture.add("disk");
    List<BlockDevice> lowers = new ArrayList<>();
    fixture.registerMaking(
        "f",
        1,
        ALL_OPS,
        (host, options) -> {
          lowers.add(host.lower());
          return PASS;
        });
    fixture.attach("disk", "f");
    try (Frozen frozen = registry.freeze(List.of("disk"), LONG)) {
      write(lowers.get(0), 0, 512, 3);
      assertTrue(frozen.heldNanos() > 0);
    }
    assertEquals(List.of("WRITE 0+512"), fixture.origin("disk").log);
  }
}
