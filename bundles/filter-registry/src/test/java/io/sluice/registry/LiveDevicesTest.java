package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceHolder;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Frozen;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Adding and removing devices. */
@Timeout(120)
final class LiveDevicesTest {
  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));

  @Test
  void namesFollowTheRules() throws ErrnoException {
    String longest = "d".repeat(64);
    for (String name : List.of("a", "0", "_x", "A.b-c_9", longest)) {
      fixture.add(name);
    }
    refused(Errno.EINVAL, () -> fixture.add(longest + "d"), "65 bytes", "64");
    refused(Errno.EINVAL, () -> fixture.add("é".repeat(33)), "66 bytes");
    for (String name : List.of("", ".a", "-a", "a b", "a/b", "a@b", "é", "a\n")) {
      refused(Errno.EINVAL, () -> fixture.add(name), "device name", "letters, digits");
    }
    ErrnoException e = refused(Errno.EINVAL, () -> fixture.add("a\nb"));
    assertFalse(e.getMessage().contains("\n"), "one line");
  }

  @Test
  void addOpensAndPublishes() throws ErrnoException {
    DeviceInfo info = fixture.devices.add("disk", "/mem/disk", OriginOptions.DEFAULT);
    assertEquals("disk", info.name());
    assertEquals("/mem/disk", info.path());
    assertEquals(OriginOptions.DEFAULT, info.options());
    assertEquals(65536, info.geometry().sizeBytes());
    assertEquals(List.of(), info.filters());
    assertEquals(info, fixture.devices.info("disk"));
    assertTrue(fixture.published.containsKey("disk"));
    refused(Errno.EEXIST, () -> fixture.add("disk"), "disk");
    fixture.add("alpha");
    assertEquals(
        List.of("alpha", "disk"), fixture.devices.list().stream().map(DeviceInfo::name).toList());
  }

  @Test
  void aFailedAddLeavesNothing() throws ErrnoException {
    refused(
        Errno.EBUSY,
        () -> fixture.devices.add("disk", "/mem/held", OriginOptions.DEFAULT),
        "process 1");
    refused(
        Errno.ENOENT,
        () -> fixture.devices.add("disk", "/no/such/file", OriginOptions.DEFAULT),
        "/no/such/file");
    refused(Errno.EINVAL, () -> fixture.devices.add("disk", "/dev/null", OriginOptions.DEFAULT));
    assertEquals(List.of(), fixture.devices.list());
    fixture.add("disk");
  }

  @Test
  void withoutAProviderTheUserIsToldWhatToDo() {
    ChainRegistry bare =
        new ChainRegistry(
            List::of,
            (name, description, device) -> () -> {},
            new DeviceLocator(Path.of("/sys")),
            Duration.ofSeconds(1),
            System::nanoTime,
            Runnable::run);
    refused(
        Errno.EAGAIN,
        () -> bare.devices().add("disk", "/mem/disk", OriginOptions.DEFAULT),
        "provider");
  }

  @Test
  void aProviderThatLeavesWhileItOpensTakesTheDeviceAlong() {
    List<OriginProvider> running = new ArrayList<>();
    Fixture opened = new Fixture(Duration.ofSeconds(30));
    running.add(
        new OriginProvider() {
          @Override
          public boolean accepts(String path) {
            return true;
          }

          @Override
          public OriginDevice open(String path, OriginOptions options) throws ErrnoException {
            running.clear();
            return opened.provider.open(path, options);
          }
        });
    ChainRegistry registry =
        new ChainRegistry(
            () -> List.copyOf(running),
            (name, description, device) -> () -> {},
            new DeviceLocator(Path.of("/sys")),
            Duration.ofSeconds(1),
            System::nanoTime,
            Runnable::run);
    refused(
        Errno.EAGAIN,
        () -> registry.devices().add("disk", "/mem/disk", OriginOptions.DEFAULT),
        "stopped");
    assertEquals(List.of(), registry.devices().list());
    assertTrue(opened.origin("disk").closed);
  }

  @Test
  void removeNamesWhoUsesTheDevice() throws IOException {
    BlockDevice disk = fixture.add("disk");
    fixture.register("blksnap", 1, ALL_OPS, PASS);
    fixture.attach("disk", "blksnap");
    Closeable one = disk.hold("NBD client uid 0");
    Closeable two = disk.hold("NBD client uid 0");
    Closeable other = disk.hold("FUSE");
    ErrnoException e = refused(Errno.EBUSY, () -> fixture.devices.remove("disk"));
    assertEquals(
        "EBUSY: device remove disk: held by FUSE; held by NBD client uid 0 (2);"
            + " filter blksnap is attached: detach it first",
        e.getMessage());
    assertEquals(
        List.of("NBD client uid 0", "NBD client uid 0", "FUSE"),
        fixture.devices.info("disk").holders());
    one.close();
    one.close();
    other.close();
    refused(Errno.EBUSY, () -> fixture.devices.remove("disk"), "uid 0; filter");
    two.close();
    write(disk, 0, 512, 1);
    fixture.registry.detach("disk", "blksnap");
    fixture.devices.remove("disk");
  }

  /** A holder that lets go when it is asked, or says why not. */
  private static final class Willing implements DeviceHolder {
    private Closeable hold;
    private boolean busy;
    private int askedCount;

    @Override
    public String text() {
      return busy ? "loop device, mounted" : "loop device";
    }

    @Override
    public void askedToLetGo() {
      askedCount++;
      if (!busy) {
        try {
          hold.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  @Test
  void whoHoldsForNobodyLetsGo() throws IOException {
    BlockDevice disk = fixture.add("disk");
    Willing holder = new Willing();
    holder.hold = disk.hold(holder);
    assertEquals(List.of("loop device"), fixture.devices.info("disk").holders());
    fixture.register("f", 1, ALL_OPS, PASS);
    fixture.attach("disk", "f");
    refused(Errno.EBUSY, () -> fixture.devices.remove("disk"), "held by loop device; filter f");
    assertEquals(0, holder.askedCount, "the removal is refused anyway");
    fixture.registry.detach("disk", "f");
    holder.busy = true;
    refused(Errno.EBUSY, () -> fixture.devices.remove("disk"), "held by loop device, mounted");
    assertEquals(1, holder.askedCount);
    holder.busy = false;
    fixture.devices.remove("disk");
    assertEquals(2, holder.askedCount);
  }

  @Test
  void aRemovedDeviceIsShutDown() throws ErrnoException {
    refused(Errno.ENODEV, () -> fixture.devices.remove("disk"), "disk", "devices: none");
    BlockDevice disk = fixture.add("disk");
    fixture.register("f", 1, ALL_OPS, PASS);
    fixture.devices.remove("disk");
    assertFalse(fixture.published.containsKey("disk"));
    assertTrue(fixture.origin("disk").closed);
    refused(Errno.ESHUTDOWN, () -> write(disk, 0, 512, 1), "disk", "removed");
    refused(Errno.ESHUTDOWN, () -> disk.status(0, 1, (length, state) -> true));
    refused(Errno.ESHUTDOWN, () -> disk.hold("somebody"));
    refused(Errno.ENODEV, () -> fixture.devices.remove("disk"));
    refused(Errno.ENODEV, () -> fixture.devices.info("disk"));
    refused(Errno.ENODEV, () -> fixture.devices.stats("disk"));
    refused(Errno.ENODEV, () -> fixture.attach("disk", "f"));
    write(fixture.add("disk"), 0, 512, 1);
  }

  @Test
  void writersThatWaitAtTheGateAreTurnedAway() throws Exception {
    BlockDevice disk = fixture.add("disk");
    Frozen frozen = fixture.registry.freeze(List.of("disk"), Duration.ofSeconds(30));
    Worker remover = Worker.start("remover", () -> fixture.devices.remove("disk"));
    Worker writer =
        Worker.start("writer", () -> refused(Errno.ESHUTDOWN, () -> writeUntilRefused(disk)));
    writer.awaitWaiting();
    remover.awaitWaiting();
    frozen.close();
    remover.join();
    writer.join();
  }

  private static void writeUntilRefused(BlockDevice disk) throws ErrnoException {
    while (true) {
      write(disk, 0, 512, 1);
    }
  }

  @Test
  void aBioThatHangsKeepsTheOriginOpen_andRemovalCanBeRepeated() throws Exception {
    Fixture impatient = new Fixture(Duration.ofMillis(20));
    BlockDevice disk = impatient.add("disk");
    impatient.register("f", 1, ALL_OPS, PASS);
    CountDownLatch reached = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    impatient.origin("disk").before =
        bio -> {
          reached.countDown();
          Fixture.await(release);
        };
    Worker writer = Worker.start("writer", () -> write(disk, 0, 512, 1));
    Fixture.await(reached);
    refused(Errno.EAGAIN, () -> impatient.devices.remove("disk"), "1 bios", "20 ms", "again");
    assertFalse(impatient.origin("disk").closed);
    refused(Errno.EEXIST, () -> impatient.add("disk"));
    refused(Errno.ENODEV, () -> impatient.attach("disk", "f"), "being removed");
    refused(Errno.ENODEV, () -> impatient.registry.freeze(List.of("disk"), Duration.ofSeconds(1)));
    release.countDown();
    writer.join();
    impatient.devices.remove("disk");
    assertTrue(impatient.origin("disk").closed);
    impatient.add("disk");
  }

  @Test
  void anOriginThatGoesAwayDetachesFiltersFromHighToLow() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    List<String> calls = new ArrayList<>();
    List<FilterOperations> registered = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      String name = "f" + i;
      registered.add(
          fixture.registerMaking(
              name,
              i,
              ALL_OPS,
              (host, options) ->
                  new Filter() {
                    @Override
                    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
                      calls.add(name + " submit");
                      next.submit(bio);
                    }

                    @Override
                    public void checkDetach() throws ErrnoException {
                      throw new ErrnoException(Errno.EBUSY, "never");
                    }

                    @Override
                    public void detach() {
                      calls.add(name + " detach");
                      try {
                        write(host.lower(), 0, 512, 1);
                      } catch (ErrnoException e) {
                        throw new AssertionError(e);
                      }
                    }
                  }));
      fixture.attach("disk", name);
    }
    disk.hold("somebody");
    fixture.registry.dropProvider(fixture.provider);
    assertEquals(
        List.of("f2 detach", "f1 submit", "f0 submit", "f1 detach", "f0 submit", "f0 detach"),
        calls);
    assertTrue(fixture.origin("disk").closed);
    assertEquals(List.of(), fixture.devices.list());
    refused(Errno.ESHUTDOWN, () -> write(disk, 0, 512, 1));
    for (FilterOperations operations : registered) {
      fixture.registry.unregister(operations);
    }
  }

  @Test
  void closeTakesAllDevicesAway() throws ErrnoException {
    fixture.add("a");
    fixture.add("b");
    fixture.registry.close();
    assertEquals(List.of(), fixture.devices.list());
    assertTrue(fixture.published.isEmpty());
    assertTrue(fixture.origin("a").closed && fixture.origin("b").closed);
  }
}
