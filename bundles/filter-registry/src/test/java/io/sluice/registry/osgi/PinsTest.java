package io.sluice.registry.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.FilterInfo;
import io.sluice.pin.BundlePins;
import io.sluice.pin.PinException;
import io.sluice.registry.osgi.probe.ProbeActivator;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;

/** What is in use is pinned; what stops all the same is let go of. */
@Timeout(120)
final class PinsTest {
  @TempDir Path storage;

  private ProbeFramework probes;

  /** {@code "bundle: user"}, one for each pin. */
  private final Queue<String> pins = new ConcurrentLinkedQueue<>();

  private volatile long refusedBundle = -1;

  @BeforeEach
  void setUp() throws Exception {
    probes = new ProbeFramework(storage);
  }

  @AfterEach
  void tearDown() throws Exception {
    probes.shutDown();
  }

  private BundlePins.Pin pin(long bundleId, String user) throws PinException {
    if (bundleId == refusedBundle) {
      throw new PinException("bundle " + bundleId + " is being stopped");
    }
    String line = bundleId + ": " + user;
    pins.add(line);
    return () -> assertTrue(pins.remove(line), line);
  }

  private List<String> pinned() {
    return pins.stream().sorted().toList();
  }

  private void startWithPins() throws BundleException {
    probes.context.registerService(BundlePins.class, this::pin, null);
    probes.start();
  }

  @Test
  void aDeviceAndAFilterPinWhatTheyStandOn() throws Exception {
    startWithPins();
    Bundle probe = probes.install("1.0.0");
    assertEquals(List.of(), pinned());
    probes.add("disk");
    String device = probes.registry.getBundleId() + ": device disk";
    assertEquals(List.of(device), pinned());
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    assertEquals(List.of(device, probe.getBundleId() + ": filter probe on device disk"), pinned());
    assertThrows(
        ErrnoException.class,
        () -> probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME)));
    assertEquals(2, pins.size(), "after a second attachment that fails: " + pins);
    probes.filters().detach("disk", ProbeActivator.NAME);
    assertEquals(List.of(device), pinned());
    probes.devices().remove("disk");
    assertEquals(List.of(), pinned());
  }

  @Test
  void aBundleThatCanNotBePinnedIsNotUsed() throws Exception {
    startWithPins();
    Bundle probe = probes.install("1.0.0");
    refusedBundle = probes.registry.getBundleId();
    ErrnoException noDevice =
        assertThrows(
            ErrnoException.class,
            () -> probes.devices().add("disk", "/mem/disk", OriginOptions.DEFAULT));
    assertEquals(Errno.EAGAIN, noDevice.errno(), noDevice.getMessage());
    assertEquals(List.of(), probes.devices().list());

    refusedBundle = probe.getBundleId();
    probes.add("disk");
    ErrnoException noFilter =
        assertThrows(
            ErrnoException.class,
            () -> probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME)));
    assertEquals(Errno.EAGAIN, noFilter.errno(), noFilter.getMessage());
    assertTrue(noFilter.getMessage().contains("is being stopped"), noFilter.getMessage());
    assertEquals(List.of(), probes.filters().chain("disk"));
    assertEquals(List.of("1.0.0 start"), probes.takeCalls());
  }

  @Test
  void theRegistryKnowsWhoseAFilterIs() throws Exception {
    probes.start();
    probes.install("1.2.3");
    FilterInfo info = probes.filters().filters().get(0);
    assertEquals("test.probe 1.2.3", info.provider());
    probes.add("disk");
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    assertEquals("test.probe 1.2.3", probes.filters().chain("disk").get(0).provider());
  }

  @Test
  void whereNothingCanBeRefused_aBundleThatStopsLosesItsFilters() throws Exception {
    probes.start();
    Bundle probe = probes.install("1.0.0", ProbeActivator.FILTER, "stay");
    BlockDevice disk = probes.add("disk");
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    probe.stop();
    assertEquals(
        List.of("1.0.0 start", "1.0.0 attach disk {}", "1.0.0 detach disk", "1.0.0 stop"),
        probes.takeCalls());
    assertEquals(List.of(), probes.filters().chain("disk"));
    assertEquals(List.of(), probes.filters().filters());
    disk.submit(new Bio().flush());

    probe.start();
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    assertEquals(1, probes.filters().chain("disk").size());
  }

  @Test
  void aBundleThatFailsToStartLeavesNoFilter() throws Exception {
    probes.start();
    assertThrows(
        BundleException.class, () -> probes.install("1.0.0", ProbeActivator.START, "throw"));
    assertEquals(List.of(), probes.filters().filters());
  }

  @Test
  void theFrameworksShutdownDetachesAFilterBeforeItsBundleStops() throws Exception {
    probes.start();
    probes.install("1.0.0", ProbeActivator.FILTER, "stay");
    probes.add("disk");
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    probes.takeCalls();
    probes.framework.stop();
    probes.framework.waitForStop(60_000);
    assertEquals(List.of("1.0.0 detach disk", "1.0.0 stop"), probes.takeCalls());
  }
}
