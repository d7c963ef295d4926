package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The origin goes from under a live device. */
@Timeout(120)
final class LossTest {
  private static final String GONE = "/mem/disk was deleted";

  private final Hanging clock = new Hanging();
  private final Fixture fixture =
      new Fixture(Duration.ofSeconds(30), new DeviceLocator(Path.of("/sys")), clock.nanos::get);
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private BlockDevice disk;

  private final Filter filter =
      new Filter() {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          next.submit(bio);
        }

        @Override
        public void deviceLost(String reason) {
          told.add(reason);
        }
      };

  @BeforeEach
  void setUp() throws ErrnoException {
    Fixture.LOGGER.setUseParentHandlers(false);
    fixture.register("f", 10, ALL_OPS, filter);
    disk = fixture.add("disk");
    fixture.attach("disk", "f");
    write(disk, 0, 512, 5);
  }

  @AfterEach
  void tearDown() {
    Fixture.LOGGER.setUseParentHandlers(true);
  }

  private void assertLost() throws Exception {
    assertEquals(GONE, told.poll(Fixture.PATIENCE.toSeconds(), TimeUnit.SECONDS));
    assertEquals(GONE, fixture.devices.info("disk").lost());
    refused(Errno.ENODEV, () -> write(disk, 0, 512, 6), GONE, "disk", "add it again");
    refused(Errno.ENODEV, () -> disk.submit(new Bio().flush()), GONE);
    refused(Errno.ENODEV, () -> disk.submit(new Bio().discard(0, 512, 0)), GONE);
    refused(Errno.ENODEV, () -> disk.submit(new Bio().writeZeroes(0, 512, 0)), GONE);
  }

  @Test
  void anErrorOfTheOriginHasItAsked() throws Exception {
    MemoryOrigin origin = fixture.origin("disk");
    origin.before =
        bio -> {
          throw new ErrnoException(Errno.EIO, "sector unreadable");
        };
    refused(Errno.EIO, () -> read(disk, 0, 512), "unreadable");
    assertEquals("", fixture.devices.info("disk").lost(), "an error alone is no loss");
    origin.lost = GONE;
    refused(Errno.EIO, () -> read(disk, 0, 512), "unreadable");
    assertLost();
  }

  @Test
  void theWatchFindsOutWithoutIo() throws Exception {
    clock.advance(fixture, 10);
    assertEquals("", fixture.devices.info("disk").lost());
    fixture.origin("disk").lost = GONE;
    clock.advance(fixture, Watch.LOSS_PERIOD.toSeconds() + 1);
    assertLost();
    clock.advance(fixture, 10);
    assertEquals(0, told.size(), "told once");
  }

  @Test
  void whatTheOriginStillHasCanBeReadAndWhatIsLostStaysLost() throws Exception {
    MemoryOrigin origin = fixture.origin("disk");
    origin.lost = GONE;
    clock.advance(fixture, Watch.LOSS_PERIOD.toSeconds() + 1);
    assertLost();
    assertEquals(5, read(disk, 0, 512)[0]);
    origin.lost = "";
    clock.advance(fixture, 10);
    refused(Errno.ENODEV, () -> write(disk, 0, 512, 6), GONE);
  }

  @Test
  void aRequestPastTheNewEndHasItAsked() throws Exception {
    MemoryOrigin origin = fixture.origin("disk");
    DeviceGeometry old = origin.geometry();
    origin.setGeometry(
        new DeviceGeometry(
            512,
            old.blockSizeBytes(),
            old.preferredSizeBytes(),
            old.readOnly(),
            old.rotational(),
            old.ops()));
    refused(Errno.EINVAL, () -> read(disk, 1024, 512), "past the end");
    origin.lost = GONE;
    refused(Errno.ENODEV, () -> read(disk, 1024, 512), GONE);
    assertLost();
  }

  @Test
  void aLostDeviceIsDetachedRemovedAndAddedAgain() throws Exception {
    fixture.origin("disk").lost = GONE;
    clock.advance(fixture, Watch.LOSS_PERIOD.toSeconds() + 1);
    assertLost();
    fixture.register("other", 20, ALL_OPS, filter);
    refused(Errno.ENODEV, () -> fixture.attach("disk", "other"), GONE);
    fixture.registry.detach("disk", "f");
    fixture.devices.remove("disk");
    disk = fixture.add("disk");
    fixture.attach("disk", "f");
    write(disk, 0, 512, 6);
    assertEquals("", fixture.devices.info("disk").lost());
    assertEquals(0, told.size());
  }
}
