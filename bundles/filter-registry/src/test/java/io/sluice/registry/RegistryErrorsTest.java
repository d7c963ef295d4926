package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static io.sluice.registry.Fixture.operations;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.OnError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The verbs of the registry and their errors, in the order in which they are checked. */
@Timeout(120)
final class RegistryErrorsTest {
  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));
  private final ChainRegistry registry = fixture.registry;

  @Test
  void registerRefusesTakenAndUnfitNames() throws ErrnoException {
    fixture.register("f", 1, ALL_OPS, PASS);
    refused(Errno.EBUSY, () -> fixture.register("f", 2, ALL_OPS, PASS), "f", "registered");
    String longest = "x".repeat(31);
    fixture.register(longest + "1", 1, ALL_OPS, PASS);
    fixture.register(longest + "2", 1, ALL_OPS, PASS);
    refused(Errno.EBUSY, () -> fixture.register(longest + "1", 1, ALL_OPS, PASS));
    refused(Errno.EINVAL, () -> fixture.register(longest + "12", 1, ALL_OPS, PASS), "33", "32");
    refused(Errno.EINVAL, () -> fixture.register("é".repeat(17), 1, ALL_OPS, PASS), "34");
    for (String name : List.of("", "a b", "a/b", "a\tb", "a\u0001b", "a\u00a0b")) {
      refused(Errno.EINVAL, () -> fixture.register(name, 1, ALL_OPS, PASS), "filter name");
    }
    assertEquals(
        List.of("f", longest + "1", longest + "2"),
        registry.filters().stream().map(FilterInfo::name).toList());
  }

  @Test
  void unregisterWantsTheVeryFilterAndNoneAttached() throws ErrnoException {
    FilterOperations f = fixture.register("f", 1, ALL_OPS, PASS);
    FilterOperations other = operations("f", 1, ALL_OPS, (host, options) -> PASS);
    refused(Errno.ENOENT, () -> registry.unregister(other), "not registered");
    fixture.add("disk2");
    fixture.add("disk1");
    fixture.attach("disk2", "f");
    fixture.attach("disk1", "f");
    assertEquals(List.of("disk1", "disk2"), registry.filters().get(0).devices());
    refused(Errno.EBUSY, () -> registry.unregister(f), "disk1, disk2", "detach");
    registry.detach("disk1", "f");
    refused(Errno.EBUSY, () -> registry.unregister(f), "disk2");
    registry.detach("disk2", "f");
    registry.unregister(f);
    refused(Errno.ENOENT, () -> registry.unregister(f));
    refused(Errno.ENOENT, () -> fixture.attach("disk1", "f"), "registered: none");
  }

  @Test
  void attachChecksInBlkfiltersOrder() throws ErrnoException {
    refused(Errno.ENOENT, () -> fixture.attach("nodisk", "nofilter"), "nofilter");
    FilterOperations f = fixture.register("f", 100, ALL_OPS, PASS);
    fixture.register("g", 100, ALL_OPS, PASS);
    refused(Errno.ENODEV, () -> fixture.attach("nodisk", "f"), "nodisk", "devices: none");
    fixture.add("disk");
    refused(Errno.ENOENT, () -> fixture.attach("disk", "nofilter"), "registered: f, g");
    fixture.attach("disk", "f");
    refused(Errno.EALREADY, () -> fixture.attach("disk", "f"), "attached already");
    refused(Errno.EALREADY, () -> fixture.attach("disk", "f", 200));
    refused(Errno.EBUSY, () -> fixture.attach("disk", "g"), "filter f", "altitude 100");
    fixture.attach("disk", "g", 99);
    assertEquals(List.of("f", "g"), fixture.devices.info("disk").filters());
    registry.detach("disk", "f");
    registry.unregister(f);
  }

  @Test
  void detachAndCtlTellNoneFromOther() throws ErrnoException {
    fixture.register("f", 100, ALL_OPS, PASS);
    refused(Errno.ENODEV, () -> registry.detach("disk", "f"));
    refused(Errno.ENODEV, () -> registry.ctl("disk", "f", "x", List.of()));
    refused(Errno.ENODEV, () -> registry.chain("disk"));
    fixture.add("disk");
    refused(Errno.ENOENT, () -> registry.detach("disk", "f"), "no filter");
    refused(Errno.ENOENT, () -> registry.ctl("disk", "f", "x", List.of()));
    fixture.attach("disk", "f");
    refused(Errno.EINVAL, () -> registry.detach("disk", "g"), "attached: f");
    refused(Errno.EINVAL, () -> registry.ctl("disk", "g", "x", List.of()));
    refused(Errno.ENOTTY, () -> registry.ctl("disk", "f", "x", List.of()));
    registry.detach("disk", "f");
    refused(Errno.ENOENT, () -> registry.detach("disk", "f"));
  }

  @Test
  void ctlReachesTheFilter() throws ErrnoException {
    Filter filter =
        new Filter() {
          @Override
          public void submit(Bio bio, BlockDevice next) throws ErrnoException {
            next.submit(bio);
          }

          @Override
          public Map<String, Object> ctl(String command, List<String> arguments) {
            return Map.of(command, arguments);
          }
        };
    fixture.register("f", 1, ALL_OPS, filter);
    fixture.add("disk");
    fixture.attach("disk", "f");
    assertEquals(
        Map.of("say", List.of("a", "2")), registry.ctl("disk", "f", "say", List.of("a", "2")));
    assertEquals(
        Map.of("say", List.of("first=b")), registry.ctl("disk", "f", "say", List.of("first=b")));
    refused(
        Errno.ENOTTY, () -> registry.ctl("disk", "f", "shout", List.of("a")), "shout", "go, say");
    refused(Errno.EINVAL, () -> registry.ctl("disk", "f", "say", List.of()), "first", "missing");
    refused(Errno.EINVAL, () -> registry.ctl("disk", "f", "say", List.of("a", "b")), "second");
    refused(Errno.EINVAL, () -> registry.ctl("disk", "f", "go", List.of("a")), "too many");
    assertEquals(0, registry.chain("disk").get(0).faultCount());
  }

  @Test
  void attachChecksOptionsAndCallLimitBeforeTheFilterIsAsked() throws ErrnoException {
    fixture.registerMaking(
        "f",
        1,
        ALL_OPS,
        (host, options) -> {
          throw new AssertionError("asked");
        });
    fixture.add("disk");
    refused(Errno.EINVAL, () -> registry.attach(withOption("evil")), "evil", "good=COUNT");
    refused(Errno.EINVAL, () -> registry.attach(attaching(Map.of("good", "x"))), "good=\"x\"");
    for (Duration limit :
        List.of(
            Duration.ZERO,
            Duration.ofSeconds(-1),
            Duration.ofSeconds(Long.MAX_VALUE),
            Terms.CALL_LIMIT_MAX.plusNanos(1),
            Terms.CALL_LIMIT_MIN.minusNanos(1))) {
      refused(Errno.EINVAL, () -> registry.attach(limitedTo(limit)), "call limit", "10 ms");
    }
    assertEquals(0, fixture.devices.stats("disk").freezeCount());
    assertEquals(List.of(), registry.filters().get(0).devices());
  }

  private static AttachRequest limitedTo(Duration callLimit) {
    return new AttachRequest(
        "disk", "f", OptionalInt.empty(), OnError.FAIL, Optional.of(callLimit), Map.of());
  }

  @Test
  void attachHandsOverHostAndOptions_andAFailureLeavesTheChain() throws ErrnoException {
    BlockDevice disk = fixture.add("disk");
    List<String> seen = new ArrayList<>();
    fixture.registerMaking(
        "f",
        1,
        ALL_OPS,
        (host, options) -> {
          seen.add(host.deviceName() + " " + host.originPath() + " " + options);
          assertEquals(fixture.origin("disk").identity(), host.originIdentity());
          if (options.containsKey("refuse")) {
            throw new ErrnoException(Errno.EINVAL, "option refuse is not known");
          }
          if (options.containsKey("fault")) {
            throw new IllegalStateException("boom");
          }
          return options.containsKey("null") ? null : PASS;
        });
    refused(Errno.EINVAL, () -> registry.attach(withOption("refuse")), "option refuse");
    refused(Errno.EIO, () -> registry.attach(withOption("fault")), "filter f", "boom");
    refused(Errno.EIO, () -> registry.attach(withOption("null")), "no filter");
    assertEquals(List.of(), registry.chain("disk"));
    assertEquals(List.of(), registry.filters().get(0).devices());
    write(disk, 0, 512, 1);
    registry.attach(withOption("good"));
    assertEquals("disk /mem/disk {good=1}", seen.get(3));
    assertEquals(List.of("disk"), registry.filters().get(0).devices());
  }

  private static AttachRequest withOption(String key) {
    return attaching(Map.of(key, "1"));
  }

  private static AttachRequest attaching(Map<String, String> options) {
    return new AttachRequest(
        "disk", "f", OptionalInt.empty(), OnError.FAIL, Optional.empty(), options);
  }

  /** A filter that says no to its detach, or fails in it, as the test wishes. */
  private static final class Reluctant implements Filter {
    final List<String> calls = new ArrayList<>();
    ErrnoException refusal;
    RuntimeException checkFault;
    RuntimeException detachFault;
    RuntimeException submitFault;

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      if (submitFault != null) {
        throw submitFault;
      }
      next.submit(bio);
    }

    @Override
    public Map<String, Object> ctl(String command, List<String> arguments) {
      throw new IllegalArgumentException("bad " + command);
    }

    @Override
    public void checkDetach() throws ErrnoException {
      calls.add("check");
      if (refusal != null) {
        throw refusal;
      }
      if (checkFault != null) {
        throw checkFault;
      }
    }

    @Override
    public void detach() {
      calls.add("detach");
      if (detachFault != null) {
        throw detachFault;
      }
    }
  }

  @Test
  void checkDetachKeepsTheFilter() throws ErrnoException {
    Reluctant filter = new Reluctant();
    fixture.register("f", 1, ALL_OPS, filter);
    BlockDevice disk = fixture.add("disk");
    fixture.attach("disk", "f");
    filter.refusal = new ErrnoException(Errno.EBUSY, "a snapshot is held");
    assertSame(filter.refusal, refused(Errno.EBUSY, () -> registry.detach("disk", "f")));
    assertEquals(0, fixture.devices.stats("disk").freezeCount() - 1, "only the attach froze");
    filter.refusal = null;
    filter.checkFault = new IllegalStateException("boom");
    refused(Errno.EIO, () -> registry.detach("disk", "f"), "filter f", "checkDetach", "boom");
    filter.checkFault = null;
    write(disk, 0, 512, 1);
    filter.calls.clear();
    registry.detach("disk", "f");
    assertEquals(List.of("check", "check", "detach"), filter.calls);
  }

  @Test
  void faultOfDetachIsToldAndTheFilterIsGone() throws ErrnoException {
    Reluctant filter = new Reluctant();
    filter.detachFault = new IllegalStateException("boom");
    FilterOperations f = fixture.register("f", 1, ALL_OPS, filter);
    BlockDevice disk = fixture.add("disk");
    fixture.attach("disk", "f");
    refused(Errno.EIO, () -> registry.detach("disk", "f"), "filter f", "has left");
    assertEquals(List.of(), registry.chain("disk"));
    registry.unregister(f);
    write(disk, 0, 512, 1);
  }

  @Test
  void faultOfCheckDetachDoesNotKeepAFailedFilter() throws ErrnoException {
    Reluctant filter = new Reluctant();
    fixture.register("f", 1, ALL_OPS, filter);
    BlockDevice disk = fixture.add("disk");
    fixture.attach("disk", "f");
    filter.submitFault = new IllegalStateException("boom");
    filter.checkFault = new IllegalStateException("boom");
    refused(Errno.EIO, () -> write(disk, 0, 512, 1));
    registry.detach("disk", "f");
    write(disk, 0, 512, 1);
  }

  @Test
  void faultOfCtlIsCountedButDoesNotFailTheDevice() throws ErrnoException {
    fixture.register("f", 1, ALL_OPS, new Reluctant());
    BlockDevice disk = fixture.add("disk");
    fixture.attach("disk", "f");
    refused(Errno.EIO, () -> registry.ctl("disk", "f", "go", List.of()), "filter f", "bad go");
    ChainEntry entry = registry.chain("disk").get(0);
    assertEquals(1, entry.faultCount());
    assertEquals("attached", entry.state());
    assertTrue(entry.fault().contains("bad go"), entry.fault());
    write(disk, 0, 512, 1);
  }

  @Test
  void detachWaitsForARunningCommand() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    List<String> calls = new ArrayList<>();
    Filter filter =
        new Filter() {
          @Override
          public void submit(Bio bio, BlockDevice next) throws ErrnoException {
            next.submit(bio);
          }

          @Override
          public Map<String, Object> ctl(String command, List<String> arguments) {
            inside.countDown();
            Fixture.await(release);
            calls.add("ctl");
            return Map.of();
          }

          @Override
          public void detach() {
            calls.add("detach");
          }
        };
    fixture.register("f", 1, ALL_OPS, filter);
    BlockDevice disk = fixture.add("disk");
    fixture.attach("disk", "f");
    Worker command = Worker.start("command", () -> registry.ctl("disk", "f", "go", List.of()));
    Fixture.await(inside);
    Worker detach = Worker.start("detach", () -> registry.detach("disk", "f"));
    detach.awaitWaiting();
    write(disk, 0, 512, 1);
    release.countDown();
    command.join();
    detach.join();
    assertEquals(List.of("ctl", "detach"), calls);
  }
}
