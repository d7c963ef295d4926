package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.operations;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Frozen;
import io.sluice.filter.OnError;
import io.sluice.pin.BundlePins;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A bundle's filters held back and taken up again, without a bundle. */
@Timeout(300)
final class SuspendedFiltersTest {
  private static final long BUNDLE = 7;
  private static final Duration LONG = Fixture.PATIENCE;
  private static final Duration SHORT = Duration.ofMillis(100);
  private static final long SEED = 20261121;
  private static final int BLOCK_BYTES = 512;

  private final Fixture fixture = new Fixture(LONG);
  private final ChainRegistry registry = fixture.registry;
  private final AtomicInteger pinCount = new AtomicInteger();

  private final Provider bundle =
      new Provider() {
        @Override
        public long bundleId() {
          return BUNDLE;
        }

        @Override
        public String label() {
          return "test.bundle 1.0.0";
        }

        @Override
        public BundlePins.Pin pin(String user) {
          pinCount.incrementAndGet();
          return pinCount::decrementAndGet;
        }
      };

  private FilterOperations register(String name, int altitude, Fixture.Attachment attachment)
      throws ErrnoException {
    FilterOperations operations = operations(name, altitude, ALL_OPS, attachment);
    registry.register(operations, bundle);
    return operations;
  }

  private FilterOperations register(String name, Filter filter) throws ErrnoException {
    return register(name, 100, (host, options) -> filter);
  }

  private static AttachRequest request(String device, String filter, OnError onError) {
    return new AttachRequest(
        device, filter, OptionalInt.empty(), onError, Optional.empty(), Map.of());
  }

  @Test
  void biosWaitForASuccessorThatComesLate() throws Exception {
    BlockDevice disk = fixture.add("disk");
    FilterOperations old = register("f", PASS);
    fixture.attach("disk", "f");
    assertEquals(1, pinCount.get());
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    assertEquals(0, pinCount.get());
    registry.unregister(old);
    Worker writer = Worker.start("writer", () -> write(disk, 0, BLOCK_BYTES, 1));
    writer.awaitWaiting();
    Worker resume = Worker.start("resume", () -> suspended.resume(LONG));
    resume.awaitWaiting();
    refused(Errno.ENOENT, () -> fixture.attach("disk", "f"), "no such filter");
    AtomicInteger bioCount = new AtomicInteger();
    register(
        "f",
        (bio, next) -> {
          bioCount.incrementAndGet();
          next.submit(bio);
        });
    resume.join();
    writer.join();
    assertEquals(1, bioCount.get(), "the write has met the successor");
    assertEquals(1, pinCount.get());
    assertTrue(suspended.isOver());
    assertTrue(suspended.heldNanos() > 0);
  }

  @Test
  void nothingInUseIsNothingHeld() throws Exception {
    fixture.add("disk");
    register("f", PASS);
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    assertTrue(suspended.isOver());
    assertEquals(0, suspended.heldNanos());
    fixture.attach("disk", "f");
    suspended.resume(SHORT);
    assertEquals(1, registry.chain("disk").size());
  }

  @Test
  void whereNobodyComesThePolicyHolds() throws Exception {
    BlockDevice fails = fixture.add("fails");
    BlockDevice goesOn = fixture.add("goes-on");
    FilterOperations old = register("f", PASS);
    registry.attach(request("fails", "f", OnError.FAIL));
    registry.attach(request("goes-on", "f", OnError.BYPASS));
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    registry.unregister(old);
    refused(
        Errno.EIO, () -> suspended.resume(SHORT), "device fails", "device goes-on", "registered");
    refused(Errno.EIO, () -> write(fails, 0, BLOCK_BYTES, 1), "nothing registered as f");
    write(goesOn, 0, BLOCK_BYTES, 1);
    assertEquals("failed", registry.chain("fails").get(0).state());
    assertEquals("bypassed", registry.chain("goes-on").get(0).state());
    registry.detach("fails", "f");
    write(fails, 0, BLOCK_BYTES, 1);
    registry.detach("goes-on", "f");
    fixture.devices.remove("fails");
    fixture.devices.remove("goes-on");
  }

  @Test
  void aRefusalLeavesEverythingAsItWas() throws Exception {
    BlockDevice disk = fixture.add("disk");
    register("f", PASS);
    Filter stays =
        new Filter() {
          @Override
          public void submit(Bio bio, BlockDevice next) throws ErrnoException {
            next.submit(bio);
          }

          @Override
          public void checkDetach() throws ErrnoException {
            throw new ErrnoException(Errno.EBUSY, "a snapshot is held");
          }
        };
    register("g", 50, (host, options) -> stays);
    fixture.attach("disk", "f");
    fixture.attach("disk", "g");
    refused(Errno.EBUSY, () -> registry.suspend(BUNDLE, LONG), "a snapshot is held");
    write(disk, 0, BLOCK_BYTES, 3);
    assertEquals(List.of("f", "g"), fixture.devices.info("disk").filters());
    assertEquals(2, pinCount.get());
    registry.detach("disk", "f");
    fixture.attach("disk", "f");
  }

  @Test
  void filtersAboveDoNotReachPastAGap() throws Exception {
    fixture.add("disk");
    List<BlockDevice> lower = new ArrayList<>();
    fixture.registerMaking(
        "above",
        200,
        ALL_OPS,
        (host, options) -> {
          lower.add(host.lower());
          return PASS;
        });
    FilterOperations old = register("f", PASS);
    fixture.attach("disk", "f");
    fixture.attach("disk", "above");
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    registry.unregister(old);
    Worker reader = Worker.start("reader", () -> read(lower.get(0), 0, BLOCK_BYTES));
    reader.awaitWaiting();
    AtomicInteger bioCount = new AtomicInteger();
    register(
        "f",
        (bio, next) -> {
          bioCount.incrementAndGet();
          next.submit(bio);
        });
    suspended.resume(LONG);
    reader.join();
    assertEquals(1, bioCount.get(), "what is read below the filter above");
  }

  @Test
  void anExpiredSwapLetsGoAtOnce_andTurnsTheSuccessorAway() throws Exception {
    BlockDevice disk = fixture.add("disk");
    FilterOperations old = register("f", PASS);
    registry.attach(request("disk", "f", OnError.BYPASS));
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    registry.unregister(old);
    Worker resume = Worker.start("resume", () -> refused(Errno.EIO, () -> suspended.resume(LONG)));
    resume.awaitWaiting();
    suspended.expire("its activator hangs");
    resume.join();
    write(disk, 0, BLOCK_BYTES, 1);
    assertTrue(registry.chain("disk").get(0).fault().contains("its activator hangs"));
    suspended.expire("again");
    assertEquals(0, pinCount.get());
  }

  @Test
  void theEndOfTheRegistryEndsASwap() throws Exception {
    BlockDevice disk = fixture.add("disk");
    FilterOperations old = register("f", PASS);
    fixture.attach("disk", "f");
    SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
    registry.unregister(old);
    Worker writer =
        Worker.start(
            "writer", () -> refused(Errno.ESHUTDOWN, () -> write(disk, 0, BLOCK_BYTES, 1)));
    writer.awaitWaiting();
    fixture.registry.close();
    writer.join();
    assertTrue(suspended.isOver());
  }

  /** Encodes what it stores, so that a bio that misses it reads back wrong. */
  private static Filter inverting(AtomicLong writeCount) {
    return (bio, next) -> {
      java.nio.ByteBuffer data = bio.data();
      switch (bio.op()) {
        case READ -> {
          int from = data.position();
          next.submit(bio);
          for (int i = from; i < data.limit(); i++) {
            data.put(i, (byte) ~data.get(i));
          }
        }
        case WRITE -> {
          writeCount.incrementAndGet();
          java.nio.ByteBuffer stored = java.nio.ByteBuffer.allocate(data.remaining());
          while (data.hasRemaining()) {
            stored.put((byte) ~data.get());
          }
          next.submit(new Bio().write(bio.offsetBytes(), stored.flip(), bio.flags()));
        }
        default -> next.submit(bio);
      }
    };
  }

  @Test
  void swapsUnderWriters_freezesAndChangesOfTheChain() throws Exception {
    BlockDevice disk = fixture.add("disk");
    AtomicLong filtered = new AtomicLong();
    FilterOperations current = register("f", inverting(filtered));
    fixture.attach("disk", "f");
    fixture.register("other", 300, ALL_OPS, PASS);
    AtomicBoolean stop = new AtomicBoolean();
    AtomicLong written = new AtomicLong();
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      int part = i;
      workers.add(Worker.start("writer " + i, () -> writeAndCheck(disk, part, stop, written)));
    }
    workers.add(
        Worker.start(
            "freezer",
            () -> {
              while (!stop.get()) {
                try (Frozen frozen = registry.freeze(List.of("disk"), LONG)) {
                  assertTrue(frozen.heldNanos() >= 0);
                }
              }
            }));
    workers.add(
        Worker.start(
            "changer",
            () -> {
              while (!stop.get()) {
                fixture.attach("disk", "other");
                registry.detach("disk", "other");
                fixture.add("passing");
                registry.attach(request("passing", "other", OnError.FAIL));
                registry.detach("passing", "other");
                fixture.devices.remove("passing");
              }
            }));
    for (int swap = 0; swap < 100; swap++) {
      SuspendedFilters suspended = registry.suspend(BUNDLE, LONG);
      assertFalse(suspended.isOver());
      registry.unregister(current);
      current = register("f", inverting(filtered));
      suspended.resume(LONG);
    }
    stop.set(true);
    for (Worker worker : workers) {
      worker.join();
    }
    assertEquals(written.get(), filtered.get(), "each write met the filter once; seed " + SEED);
    assertEquals(0, fixture.devices.stats("disk").errorCount());
  }

  private static void writeAndCheck(
      BlockDevice disk, int part, AtomicBoolean stop, AtomicLong written) throws ErrnoException {
    Random random = new Random(SEED + part);
    byte[] expected = new byte[BLOCK_BYTES];
    while (!stop.get()) {
      int value = random.nextInt(256);
      int at = part * 32 * 1024 + random.nextInt(32) * BLOCK_BYTES;
      write(disk, at, BLOCK_BYTES, value);
      written.incrementAndGet();
      java.util.Arrays.fill(expected, (byte) value);
      assertArrayEquals(expected, read(disk, at, BLOCK_BYTES), "seed " + SEED);
    }
  }
}
