package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.OnError;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A filter hears that it is put aside before any bio goes past it. */
@Timeout(120)
final class ToldTest {
  private final Hanging clock = new Hanging();
  private final Fixture fixture =
      new Fixture(Duration.ofSeconds(30), new DeviceLocator(Path.of("/sys")), clock.nanos::get);
  private final CountDownLatch telling = new CountDownLatch(1);
  private final CountDownLatch goOn = new CountDownLatch(1);
  private final List<String> told = Collections.synchronizedList(new ArrayList<>());
  private volatile Runnable whenTold = () -> {};
  private BlockDevice disk;

  /** Faulty at each write. */
  private final Filter faulty =
      new Filter() {
        @Override
        public void submit(Bio bio, BlockDevice next) {
          throw new IllegalStateException("boom");
        }

        @Override
        public void quarantined(String fault) {
          told.add(fault + " with " + fixture.origin("disk").log);
          telling.countDown();
          whenTold.run();
        }
      };

  @BeforeEach
  void setUp() throws ErrnoException {
    Fixture.LOGGER.setUseParentHandlers(false);
    fixture.register("f", 10, ALL_OPS, faulty);
    disk = fixture.add("disk");
  }

  @AfterEach
  void tearDown() {
    goOn.countDown();
    Fixture.LOGGER.setUseParentHandlers(true);
  }

  private ChainEntry entry() throws ErrnoException {
    return fixture.registry.chain("disk").get(0);
  }

  @Test
  void biosWaitUntilItHasBeenTold() throws Exception {
    whenTold = () -> Fixture.await(goOn);
    fixture.attach("disk", "f", OnError.BYPASS);
    Worker first = Worker.start("first", () -> write(disk, 0, 512, 1));
    Fixture.await(telling);
    Worker second = Worker.start("second", () -> write(disk, 512, 512, 1));
    second.awaitWaiting();
    assertEquals(List.of(), fixture.origin("disk").log, "none has gone past it");
    goOn.countDown();
    first.join();
    second.join();
    assertEquals(2, fixture.origin("disk").log.size());
    assertEquals(1, told.size(), told.toString());
    assertTrue(told.get(0).contains("boom"), told.toString());
    assertTrue(told.get(0).endsWith("with []"), told.toString());
    assertEquals("bypassed", entry().state());
  }

  @Test
  void ifTheDeviceFailsNobodyWaits() throws Exception {
    whenTold = () -> Fixture.await(goOn);
    fixture.attach("disk", "f", OnError.FAIL);
    Worker first = Worker.start("first", () -> write(disk, 0, 512, 1));
    Fixture.await(telling);
    refused(Errno.EIO, () -> write(disk, 512, 512, 1), "filter f");
    goOn.countDown();
    refused(Errno.EIO, first::join, "filter f");
    assertEquals(1, told.size());
  }

  @Test
  void aFaultInTheCallIsOneMore() throws ErrnoException {
    whenTold =
        () -> {
          throw new AssertionError("deaf");
        };
    fixture.attach("disk", "f", OnError.BYPASS);
    write(disk, 0, 512, 1);
    write(disk, 512, 512, 1);
    assertEquals(1, told.size());
    assertEquals(2, entry().faultCount());
    assertTrue(entry().fault().contains("deaf"), entry().fault());
    assertEquals("bypassed", entry().state());
  }

  @Test
  void ifItHangsTheOthersGoOn() throws Exception {
    whenTold = () -> Hanging.stubbornly(goOn);
    fixture.attach("disk", "f", OnError.BYPASS);
    Worker first = Worker.start("first", () -> write(disk, 0, 512, 1));
    Fixture.await(telling);
    Worker second = Worker.start("second", () -> write(disk, 512, 512, 1));
    second.awaitWaiting();
    clock.advance(fixture, AttachedFilter.TELL_LIMIT.toSeconds() + 4);
    second.join();
    assertEquals("bypassed", entry().state());
    assertTrue(entry().fault().contains("quarantined hung"), entry().fault());
    assertEquals(0, fixture.devices.stats("disk").inFlightCount());
    fixture.registry.detach("disk", "f");
    goOn.countDown();
    refused(Errno.EIO, first::join, "given up");
    assertEquals(List.of("WRITE 512+512"), fixture.origin("disk").log);
  }

  @Test
  void afterAHangTooNothingPassesBeforeItIsTold() throws Exception {
    clock.whenPutAside =
        () -> {
          telling.countDown();
          Fixture.await(goOn);
        };
    fixture.registry.register(
        Fixture.operations(
            "hanging",
            20,
            ALL_OPS,
            (host, options) -> {
              clock.host = host;
              return clock;
            }));
    fixture.attach("disk", "hanging", OnError.BYPASS);
    Worker stuck = Worker.start("stuck", () -> write(disk, 0, 512, 1));
    Fixture.await(clock.inside);
    clock.advance(fixture, 34);
    Fixture.await(telling);
    Worker later = Worker.start("later", () -> write(disk, 512, 512, 1));
    later.awaitWaiting();
    assertEquals(List.of(), fixture.origin("disk").log);
    goOn.countDown();
    later.join();
    assertEquals(List.of("WRITE 512+512"), fixture.origin("disk").log);
    clock.release.countDown();
    refused(Errno.EIO, stuck::join, "given up");
  }
}
