package io.sluice.registry.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.OnError;
import io.sluice.registry.osgi.probe.ProbeActivator;
import io.sluice.swap.BundleSwap;
import io.sluice.swap.ProviderUser;
import io.sluice.swap.SwapReport;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.Version;

/** Bundles replaced while their filters are attached, by bundles that behave and that do not. */
@Timeout(120)
final class BundleReplacementTest {
  private static final String SHORT_MILLIS = "300";

  @TempDir Path storage;

  private ProbeFramework probes;
  private Bundle bundle;
  private BlockDevice disk;

  @AfterEach
  void tearDown() throws Exception {
    probes.shutDown();
  }

  /** A registry, a device, and version 1.0.0 on it. */
  private void start(String holdLimitMillis, OnError onError, String... headers) throws Exception {
    probes = new ProbeFramework(storage, holdLimitMillis).start();
    bundle = probes.install("1.0.0", headers);
    disk = probes.add("disk");
    probes
        .filters()
        .attach(
            new AttachRequest(
                "disk",
                ProbeActivator.NAME,
                OptionalInt.of(77),
                onError,
                Optional.of(Duration.ofSeconds(5)),
                Map.of("rate", "4")));
    probes.takeCalls();
  }

  private SwapReport swap(String version, String... headers) throws Exception {
    return swap(ProbeFramework.probe(version, headers));
  }

  private SwapReport swap(InputStream content) throws ErrnoException {
    return probes.service(BundleSwap.class).swap(bundle.getBundleId(), content);
  }

  private ErrnoException refused(Errno errno, InputStream content, String... words) {
    ErrnoException e = assertThrows(ErrnoException.class, () -> swap(content));
    assertEquals(errno, e.errno(), e.getMessage());
    for (String word : words) {
      assertTrue(e.getMessage().contains(word), "\"" + word + "\" in: " + e.getMessage());
    }
    return e;
  }

  private ChainEntry entry() throws ErrnoException {
    List<ChainEntry> chain = probes.filters().chain("disk");
    assertEquals(1, chain.size(), chain.toString());
    return chain.get(0);
  }

  private void flush() throws ErrnoException {
    disk.submit(new Bio().flush());
  }

  private void runsOn(String version, String state) throws ErrnoException {
    assertEquals(Bundle.ACTIVE, bundle.getState());
    assertEquals(Version.parseVersion(version), bundle.getVersion());
    assertEquals("test.probe " + version, entry().provider());
    assertEquals(state, entry().state());
    flush();
    assertEquals(
        Map.of("version", version),
        probes.filters().ctl("disk", ProbeActivator.NAME, "version", List.of()));
  }

  @Test
  void theSuccessorTakesTheSamePlaceWithTheOptionsOfTheMoment() throws Exception {
    start("", OnError.BYPASS);
    SwapReport report = swap("1.1.0");
    assertEquals("test.probe", report.symbolicName());
    assertEquals("1.0.0", report.versionBefore());
    assertEquals("1.1.0", report.versionNow());
    assertTrue(report.holdNanos() > 0, report.toString());
    assertEquals(
        List.of("1.0.0 detach disk", "1.0.0 stop", "1.1.0 start", "1.1.0 attach disk {rate=40}"),
        probes.takeCalls());
    runsOn("1.1.0", "attached");
    assertEquals(77, entry().altitude());
    assertEquals(OnError.BYPASS, entry().onError());
    assertEquals(List.of("disk"), probes.filters().filters().get(0).devices());
    swap("1.2.0");
    runsOn("1.2.0", "attached");
  }

  @Test
  void whatIsNoSuccessorIsRefusedBeforeAnythingIsHeld() throws Exception {
    start("", OnError.FAIL);
    byte[] text = "no jar".getBytes(StandardCharsets.UTF_8);
    refused(Errno.EINVAL, new ByteArrayInputStream(text), "no jar");
    refused(
        Errno.EINVAL,
        ProbeFramework.probe("1.1.0", "Bundle-SymbolicName", "test.other"),
        "test.other");
    BundleSwap swap = probes.service(BundleSwap.class);
    for (long id : new long[] {0, probes.registry.getBundleId()}) {
      ErrnoException own = assertThrows(ErrnoException.class, () -> swap.swap(id, null));
      assertEquals(Errno.EBUSY, own.errno(), own.getMessage());
    }
    ErrnoException none = assertThrows(ErrnoException.class, () -> swap.swap(12345, null));
    assertEquals(Errno.ENOENT, none.errno(), none.getMessage());
    assertEquals(List.of(), probes.takeCalls());
    runsOn("1.0.0", "attached");
    assertEquals(1, probes.devices().stats("disk").freezeCount(), "that of the attach");
  }

  @Test
  void aFilterThatCanNotLeaveKeepsItsBundle() throws Exception {
    start("", OnError.FAIL, ProbeActivator.FILTER, "stay");
    refused(Errno.EBUSY, ProbeFramework.probe("1.1.0"), "the probe stays on disk");
    assertEquals(List.of(), probes.takeCalls());
    runsOn("1.0.0", "attached");
  }

  @Test
  void contentThatDoesNotStartGivesWayToTheOldAgain() throws Exception {
    start("", OnError.FAIL);
    refused(
        Errno.EINVAL,
        ProbeFramework.probe("1.1.0", ProbeActivator.START, "throw"),
        "does not want to start",
        "version 1.0.0 runs on");
    runsOn("1.0.0", "attached");
    refused(
        Errno.EINVAL,
        ProbeFramework.probe("1.1.0", "Import-Package", "org.example.missing"),
        "org.example.missing",
        "version 1.0.0 runs on");
    runsOn("1.0.0", "attached");
    swap("1.1.0");
    runsOn("1.1.0", "attached");
  }

  @Test
  void withoutASuccessorTheDeviceFails_untilTheFilterIsDetached() throws Exception {
    start(SHORT_MILLIS, OnError.FAIL);
    refused(
        Errno.EIO,
        ProbeFramework.probe("1.1.0", ProbeActivator.START, "nothing"),
        "filter probe on device disk",
        "fails all I/O");
    assertEquals("failed", entry().state());
    // Which of the two limits it was depends on how long the update itself took.
    assertTrue(
        entry().fault().matches(".*(nothing registered as probe|not replaced within 300 ms).*"),
        entry().toString());
    ErrnoException e = assertThrows(ErrnoException.class, this::flush);
    assertEquals(Errno.EIO, e.errno(), e.getMessage());
    probes.filters().detach("disk", ProbeActivator.NAME);
    flush();
  }

  @Test
  void withoutASuccessorTheDeviceGoesOn_ifItWasAttachedSo() throws Exception {
    start(SHORT_MILLIS, OnError.BYPASS);
    refused(
        Errno.EIO,
        ProbeFramework.probe("1.1.0", ProbeActivator.FILTER, "refuse"),
        "the probe refuses disk",
        "goes on without it");
    assertEquals("bypassed", entry().state());
    flush();
    probes.filters().detach("disk", ProbeActivator.NAME);
    swap("1.2.0");
    probes.filters().attach(AttachRequest.of("disk", ProbeActivator.NAME));
    runsOn("1.2.0", "attached");
  }

  @Test
  void anActivatorThatHangsHoldsNobodyBackBeyondTheLimit() throws Exception {
    start(SHORT_MILLIS, OnError.BYPASS);
    refused(Errno.EIO, ProbeFramework.probe("1.1.0", ProbeActivator.START, "hang"), "not done");
    flush();
    assertEquals("bypassed", entry().state());
    refused(Errno.EBUSY, ProbeFramework.probe("1.2.0"), "only one");
  }

  @Test
  void anAttachThatHangsComesTooLate() throws Exception {
    start(SHORT_MILLIS, OnError.BYPASS);
    refused(Errno.EIO, ProbeFramework.probe("1.1.0", ProbeActivator.FILTER, "hang"), "not done");
    flush();
    assertEquals("bypassed", entry().state());
    probes.release.countDown();
    // The swap ends by itself then, and the next one is let in.
    long endNanos = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    SwapReport next = null;
    while (next == null) {
      assertTrue(System.nanoTime() < endNanos, "the swap that hung does not end");
      try {
        next = swap("1.2.0");
      } catch (ErrnoException e) {
        assertEquals(Errno.EBUSY, e.errno(), e.getMessage());
      }
    }
    assertTrue(probes.takeCalls().contains("1.1.0 detach disk"), "the late one is told to go");
    assertEquals("bypassed", entry().state());
    assertEquals(List.of(), probes.filters().filters().get(0).devices());
  }

  @Test
  void usersAreSuspendedFirst_andStateIsHandedOverLast() throws Exception {
    start("", OnError.FAIL, ProbeActivator.STATE, "one");
    ProviderUser user =
        (id, limit) -> {
          probes.calls.add("suspend");
          return left -> probes.calls.add("resume");
        };
    probes.context.registerService(ProviderUser.class, user, null);
    swap("1.1.0", ProbeActivator.STATE, "two");
    assertEquals(
        List.of(
            "1.0.0 detach disk",
            "suspend",
            "1.0.0 hand over one",
            "1.0.0 stop",
            "1.1.0 start",
            "1.1.0 attach disk {rate=40}",
            "1.1.0 take over one two",
            "resume"),
        probes.takeCalls());
    refused(
        Errno.EIO,
        ProbeFramework.probe("1.2.0", ProbeActivator.STATE, "refuse"),
        "does not know probe/1",
        "is lost");
    runsOn("1.2.0", "attached");
  }

  @Test
  void aUserThatRefusesStopsTheSwap() throws Exception {
    start("", OnError.FAIL);
    ProviderUser user =
        (id, limit) -> {
          throw new ErrnoException(Errno.EBUSY, "snapshot monday is held");
        };
    probes.context.registerService(ProviderUser.class, user, null);
    refused(Errno.EBUSY, ProbeFramework.probe("1.1.0"), "snapshot monday is held");
    runsOn("1.0.0", "attached");
    assertEquals(77, entry().altitude());
  }
}
