package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.OnError;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What becomes of a device whose filter does not come back. */
@Timeout(120)
final class HangTest {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Hanging filter = new Hanging();
  private final Fixture fixture =
      new Fixture(Duration.ofSeconds(30), new DeviceLocator(Path.of("/sys")), filter.nanos::get);
  private BlockDevice disk;

  @BeforeEach
  void setUp() throws ErrnoException {
    Fixture.LOGGER.setUseParentHandlers(false);
    fixture.registerMaking(
        "f",
        10,
        ALL_OPS,
        (host, options) -> {
          filter.host = host;
          return filter;
        });
    disk = fixture.add("disk");
  }

  @AfterEach
  void tearDown() {
    filter.release.countDown();
    Fixture.LOGGER.setUseParentHandlers(true);
  }

  private void attach(String name, OnError onError, Duration limit) throws ErrnoException {
    fixture.registry.attach(
        new AttachRequest(
            "disk", name, OptionalInt.empty(), onError, Optional.of(limit), Map.of()));
  }

  private ChainEntry entry(String name) throws ErrnoException {
    return fixture.registry.chain("disk").stream()
        .filter(entry -> entry.filter().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private Worker stuckWrite() {
    Worker stuck = Worker.start("stuck", () -> write(disk, 0, 512, 1));
    Fixture.await(filter.inside);
    return stuck;
  }

  /** Past the limit, past the interrupt, and past the grace after it. */
  private void outlast() {
    filter.advance(fixture, LIMIT.toSeconds() + 4);
  }

  @Test
  void anInterruptBringsItBackAndStaysInside() throws Exception {
    filter.heedsInterrupt = true;
    attach("f", OnError.BYPASS, LIMIT);
    AtomicReference<Boolean> flag = new AtomicReference<>();
    Worker stuck =
        Worker.start(
            "stuck",
            () -> {
              write(disk, 0, 512, 7);
              flag.set(Thread.currentThread().isInterrupted());
            });
    Fixture.await(filter.inside);
    filter.advance(fixture, LIMIT.toSeconds() - 1);
    assertEquals("attached", entry("f").state());
    filter.advance(fixture, 2);
    stuck.join();
    assertEquals(false, flag.get(), "the client's thread must not find our interrupt");
    assertEquals("bypassed", entry("f").state());
    assertTrue(entry("f").fault().contains("WRITE 0+512"), entry("f").fault());
    assertTrue(entry("f").fault().contains("30000 ms"), entry("f").fault());
    assertEquals(List.of("quarantined"), filter.calls);
    assertEquals(7, read(disk, 0, 512)[0], "the bio went past the filter");
  }

  /** How a thread goes on whose bio was given up long ago. */
  @SuppressWarnings("ImmutableEnumChecker") // Each way is a lambda without state.
  enum Late {
    PASSES((bio, next, lower) -> next.submit(bio)),
    PASSES_TWICE(
        (bio, next, lower) -> {
          for (int i = 0; i < 2; i++) {
            refused(Errno.EIO, () -> next.submit(bio));
          }
        }),
    USES_LOWER((bio, next, lower) -> lower.submit(bio)),
    ASKS_STATUS((bio, next, lower) -> next.status(0, 512, (length, state) -> true)),
    RETURNS((bio, next, lower) -> {}),
    THROWS(
        (bio, next, lower) -> {
          throw new IllegalStateException("late");
        });

    final Hanging.Way way;

    Late(Hanging.Way way) {
      this.way = way;
    }
  }

  static Stream<Arguments> latesAndPolicies() {
    return Stream.of(Late.values())
        .flatMap(late -> Stream.of(OnError.values()).map(policy -> arguments(late, policy)));
  }

  @ParameterizedTest
  @MethodSource("latesAndPolicies")
  void aThreadThatWasGivenUpTouchesNothing(Late late, OnError policy) throws Exception {
    filter.way = late.way;
    attach("f", policy, LIMIT);
    Worker stuck = stuckWrite();
    assertEquals(1, fixture.devices.stats("disk").inFlightCount());
    outlast();
    assertEquals(0, fixture.devices.stats("disk").inFlightCount(), "left on its behalf");
    assertEquals(policy == OnError.BYPASS ? "bypassed" : "failed", entry("f").state());
    freezeAndThaw();
    if (policy == OnError.BYPASS) {
      write(disk, 0, 512, 2);
    } else {
      refused(Errno.EIO, () -> write(disk, 0, 512, 2), "filter f", "hung");
    }
    fixture.registry.detach("disk", "f");
    assertEquals(List.of("quarantined", "detach"), filter.calls);
    write(disk, 0, 512, 3);
    filter.release.countDown();
    refused(Errno.EIO, stuck::join, "given up");
    assertEquals(3, read(disk, 0, 512)[0], "nothing came from the stuck thread");
    assertEquals(0, fixture.devices.stats("disk").inFlightCount(), "nothing is left twice");
    freezeAndThaw();
  }

  private void freezeAndThaw() throws ErrnoException {
    fixture.registry.freeze(List.of("disk"), Duration.ofSeconds(30)).close();
  }

  @Test
  void twoStuckThreadsAreGivenUpAndTheFilterIsToldOnce() throws Exception {
    filter.inside = new CountDownLatch(2);
    attach("f", OnError.BYPASS, LIMIT);
    Worker one = Worker.start("one", () -> write(disk, 0, 512, 1));
    Worker two = Worker.start("two", () -> write(disk, 512, 512, 1));
    Fixture.await(filter.inside);
    outlast();
    write(disk, 0, 1024, 9);
    assertEquals(2, entry("f").faultCount());
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
    filter.release.countDown();
    refused(Errno.EIO, one::join, "given up");
    refused(Errno.EIO, two::join, "given up");
    assertEquals(List.of("quarantined"), filter.calls);
    assertEquals(List.of("WRITE 0+1024"), fixture.origin("disk").log);
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
  }

  @Test
  void timeBelowTheFilterIsNotItsOwn() throws Exception {
    fixture.register("pass", 20, ALL_OPS, PASS);
    attach("pass", OnError.FAIL, LIMIT);
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    fixture.origin("disk").before =
        bio -> {
          inside.countDown();
          Fixture.await(release);
        };
    Worker slow = Worker.start("slow", () -> write(disk, 0, 512, 1));
    Fixture.await(inside);
    filter.advance(fixture, 100);
    release.countDown();
    slow.join();
    assertEquals("attached", entry("pass").state());
    assertFalse(slow.thread.isInterrupted());
  }

  @Test
  void aProcessThatStoodStillPutsNobodyAside() throws Exception {
    attach("f", OnError.FAIL, LIMIT);
    Worker stuck = stuckWrite();
    filter.nanos.addAndGet(Duration.ofHours(1).toNanos());
    long unused = fixture.registry.watch().tick();
    filter.release.countDown();
    stuck.join();
    assertEquals("attached", entry("f").state());
  }

  @Test
  void ownTimeAddsUpOverSeveralPasses() throws Exception {
    filter.heedsInterrupt = true;
    CountDownLatch second = new CountDownLatch(1);
    attach("f", OnError.BYPASS, LIMIT);
    filter.way =
        (bio, next, lower) -> {
          int position = bio.data().position();
          next.submit(bio);
          bio.data().position(position);
          second.countDown();
          Hanging.stubbornly(new CountDownLatch(1));
        };
    Worker stuck = stuckWrite();
    filter.advance(fixture, 20);
    filter.release.countDown();
    Fixture.await(second);
    filter.advance(fixture, 9);
    assertEquals("attached", entry("f").state());
    filter.advance(fixture, 5);
    assertEquals("bypassed", entry("f").state());
    assertNotEquals(Thread.State.TERMINATED, stuck.thread.getState());
  }

  @Test
  void theFilterAboveAStuckOneIsNotBlamedButCutOffToo() throws Exception {
    AtomicReference<ErrnoException> seen = new AtomicReference<>();
    AtomicReference<ErrnoException> again = new AtomicReference<>();
    fixture.register(
        "above",
        20,
        ALL_OPS,
        (bio, next) -> {
          try {
            next.submit(bio);
          } catch (ErrnoException e) {
            seen.set(e);
            again.set(refused(Errno.EIO, () -> next.submit(bio)));
          }
        });
    attach("above", OnError.FAIL, LIMIT);
    attach("f", OnError.BYPASS, LIMIT);
    Worker stuck = stuckWrite();
    outlast();
    assertEquals("attached", entry("above").state());
    assertEquals("bypassed", entry("f").state());
    fixture.registry.detach("disk", "above");
    filter.release.countDown();
    refused(Errno.EIO, stuck::join, "given up");
    assertEquals(Errno.EIO, seen.get().errno());
    assertEquals(Errno.EIO, again.get().errno());
    assertEquals(List.of(), fixture.origin("disk").log);
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
  }

  @Test
  void aFilterStuckBelowAnothersLowerDeviceDoesNotHoldThatUp() throws Exception {
    AtomicReference<BlockDevice> lower = new AtomicReference<>();
    fixture.registerMaking(
        "above",
        20,
        ALL_OPS,
        (host, options) -> {
          lower.set(host.lower());
          return PASS;
        });
    attach("above", OnError.FAIL, LIMIT);
    attach("f", OnError.BYPASS, LIMIT);
    Worker stuck =
        Worker.start(
            "copier", () -> lower.get().submit(new Bio().write(0, ByteBuffer.allocate(512), 0)));
    Fixture.await(filter.inside);
    outlast();
    fixture.registry.detach("disk", "f");
    fixture.registry.detach("disk", "above");
    filter.release.countDown();
    refused(Errno.EIO, stuck::join, "given up");
  }

  @Test
  void statusHasALimitToo() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    fixture.register(
        "status",
        20,
        ALL_OPS,
        new Filter() {
          @Override
          public void submit(Bio bio, BlockDevice next) throws ErrnoException {
            next.submit(bio);
          }

          @Override
          public void status(
              long offsetBytes,
              long lengthBytes,
              io.sluice.block.ExtentVisitor visitor,
              BlockDevice next) {
            inside.countDown();
            Hanging.stubbornly(filter.release);
          }
        });
    attach("status", OnError.BYPASS, LIMIT);
    Worker stuck = Worker.start("status", () -> disk.status(0, 512, (length, state) -> true));
    Fixture.await(inside);
    outlast();
    assertEquals("bypassed", entry("status").state());
    assertTrue(entry("status").fault().contains("block status of 0+512"), entry("status").fault());
    fixture.registry.detach("disk", "status");
    filter.release.countDown();
    refused(Errno.EIO, stuck::join, "given up");
  }

  @Test
  void nextWorksOnlyInsideItsCallAndThread() throws Exception {
    AtomicReference<BlockDevice> kept = new AtomicReference<>();
    fixture.register(
        "keeper",
        20,
        ALL_OPS,
        (bio, next) -> {
          kept.set(next);
          Worker other =
              Worker.start(
                  "other", () -> refused(Errno.ESHUTDOWN, () -> next.submit(bio), "outside"));
          try {
            other.join();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
          next.submit(bio);
        });
    attach("keeper", OnError.FAIL, LIMIT);
    write(disk, 0, 512, 1);
    refused(Errno.ESHUTDOWN, () -> write(kept.get(), 0, 512, 2), "filter keeper", "outside");
    assertEquals("attached", entry("keeper").state());
    assertEquals(1, read(disk, 0, 512)[0]);
  }

  @Test
  void theWatchRunsByItself() throws Exception {
    Fixture real = new Fixture(Duration.ofSeconds(30));
    filter.heedsInterrupt = true;
    real.register("f", 10, ALL_OPS, filter);
    Worker watch = Worker.start("watch", real.registry.watch()::run);
    BlockDevice device = real.add("disk");
    real.registry.attach(
        new AttachRequest(
            "disk",
            "f",
            OptionalInt.empty(),
            OnError.BYPASS,
            Optional.of(Terms.CALL_LIMIT_MIN),
            Map.of()));
    write(device, 0, 512, 5);
    assertEquals(5, read(device, 0, 512)[0]);
    assertEquals(List.of("quarantined"), filter.calls);
    real.registry.watch().close();
    watch.join();
  }
}
