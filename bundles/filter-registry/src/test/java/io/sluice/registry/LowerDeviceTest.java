package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A filter's own I/O: it passes what is below, now and later, and never the filter itself. */
@Timeout(120)
final class LowerDeviceTest {
  private static final Duration SHORT = Duration.ofMillis(20);

  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));
  private final List<String> seen = new ArrayList<>();
  private BlockDevice lower;

  private Filter noting(String name) {
    return (bio, next) -> {
      seen.add(name);
      next.submit(bio);
    };
  }

  private static void keepLower(Fixture fixture, LowerDeviceTest test) throws ErrnoException {
    fixture.registerMaking(
        "top",
        9,
        ALL_OPS,
        (host, options) -> {
          test.lower = host.lower();
          return test.noting("top");
        });
  }

  @Test
  void staysValidWhileFiltersBelowComeAndGo() throws ErrnoException {
    fixture.add("disk");
    keepLower(fixture, this);
    fixture.register("mid", 5, ALL_OPS, noting("mid"));
    fixture.register("low", 1, ALL_OPS, noting("low"));
    fixture.register("over", 10, ALL_OPS, noting("over"));
    fixture.attach("disk", "low");
    fixture.attach("disk", "top");
    assertPasses(List.of("low"));
    fixture.attach("disk", "mid");
    assertPasses(List.of("mid", "low"));
    fixture.attach("disk", "over");
    assertPasses(List.of("mid", "low"));
    fixture.registry.detach("disk", "low");
    assertPasses(List.of("mid"));
    fixture.registry.detach("disk", "mid");
    assertPasses(List.of());
    fixture.registry.detach("disk", "top");
    refused(Errno.ESHUTDOWN, () -> write(lower, 0, 512, 1), "top", "disk");
    refused(Errno.ESHUTDOWN, () -> lower.status(0, 512, (length, state) -> true));
  }

  private void assertPasses(List<String> filters) throws ErrnoException {
    seen.clear();
    write(lower, 0, 512, 1);
    assertEquals(filters, seen);
  }

  @Test
  void isUsableInAttachAndInDetach() throws ErrnoException {
    fixture.add("disk");
    fixture.registerMaking(
        "f",
        1,
        ALL_OPS,
        (host, options) -> {
          write(host.lower(), 0, 512, 1);
          return new Filter() {
            @Override
            public void submit(Bio bio, BlockDevice next) throws ErrnoException {
              next.submit(bio);
            }

            @Override
            public void detach() {
              try {
                write(host.lower(), 512, 512, 2);
              } catch (ErrnoException e) {
                throw new AssertionError(e);
              }
            }
          };
        });
    fixture.attach("disk", "f");
    fixture.registry.detach("disk", "f");
    assertEquals(List.of("WRITE 0+512", "WRITE 512+512"), fixture.origin("disk").log);
  }

  @Test
  void aHungBioInItKeepsTheChain() throws Exception {
    Fixture impatient = new Fixture(SHORT);
    BlockDevice disk = impatient.add("disk");
    keepLower(impatient, this);
    impatient.register("low", 1, ALL_OPS, noting("low"));
    impatient.attach("disk", "low");
    impatient.attach("disk", "top");
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    impatient.origin("disk").before =
        bio -> {
          if (bio.offsetBytes() == 512) {
            reached.countDown();
            Fixture.await(release);
          }
        };
    Worker own = Worker.start("own", () -> write(lower, 512, 512, 1));
    Fixture.await(reached);
    refused(Errno.EAGAIN, () -> impatient.registry.detach("disk", "low"), "filter top", "20 ms");
    refused(Errno.EAGAIN, () -> impatient.registry.detach("disk", "top"), "filter top", "20 ms");
    assertEquals(List.of("top", "low"), impatient.devices.info("disk").filters());
    seen.clear();
    write(disk, 0, 512, 2);
    write(lower, 0, 512, 2);
    assertEquals(List.of("top", "low", "low"), seen);
    release.countDown();
    own.join();
    impatient.registry.detach("disk", "low");
    impatient.registry.detach("disk", "top");
  }

  /**
   * The bio above can only end after the helper's bio below has: drained in the wrong order, hung.
   */
  @Test
  void aBioMayWaitForTheFiltersOwnIo() throws Exception {
    BlockDevice disk = fixture.add("disk");
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    fixture.registerMaking(
        "helped",
        5,
        ALL_OPS,
        (host, options) ->
            (bio, next) -> {
              inside.countDown();
              Fixture.await(go);
              try {
                Worker.start("helper", () -> write(host.lower(), 512, 512, 1)).join();
              } catch (ErrnoException e) {
                throw e;
              } catch (Exception e) {
                throw new AssertionError(e);
              }
              next.submit(bio);
            });
    fixture.register("low", 1, ALL_OPS, PASS);
    fixture.attach("disk", "helped");
    Worker writer = Worker.start("writer", () -> write(disk, 0, 512, 1));
    Fixture.await(inside);
    Worker attach = Worker.start("attach", () -> fixture.attach("disk", "low"));
    attach.awaitWaiting();
    go.countDown();
    writer.join();
    attach.join();
    assertEquals(List.of("helped", "low"), fixture.devices.info("disk").filters());
    assertFalse(fixture.origin("disk").log.isEmpty());
  }

  @Test
  void whatAFilterLeavesBehindIsWaitedForByTheNextChange() throws Exception {
    Fixture impatient = new Fixture(SHORT);
    impatient.add("disk");
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    impatient.origin("disk").before =
        bio -> {
          reached.countDown();
          Fixture.await(release);
        };
    List<Worker> orphans = new ArrayList<>();
    impatient.registerMaking(
        "leaver",
        5,
        ALL_OPS,
        (host, options) ->
            new Filter() {
              @Override
              public void submit(Bio bio, BlockDevice next) throws ErrnoException {
                next.submit(bio);
              }

              @Override
              public void detach() {
                orphans.add(Worker.start("orphan", () -> write(host.lower(), 0, 512, 1)));
                Fixture.await(reached);
              }
            });
    impatient.register("low", 1, ALL_OPS, PASS);
    impatient.attach("disk", "leaver");
    impatient.registry.detach("disk", "leaver");
    refused(Errno.EAGAIN, () -> impatient.attach("disk", "low"), "filter leaver");
    release.countDown();
    orphans.get(0).join();
    impatient.attach("disk", "low");
  }
}
