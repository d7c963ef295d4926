package io.sluice.itests.pins;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static io.sluice.itests.InFramework.filled;
import static io.sluice.itests.InFramework.read;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.itests.exam.PaxExam;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.startlevel.FrameworkStartLevel;
import org.osgi.framework.wiring.BundleWire;
import org.osgi.framework.wiring.BundleWiring;
import org.osgi.framework.wiring.FrameworkWiring;

/**
 * Every way to take down a bundle that a device uses: each is refused with the device named, and
 * the device goes on, filtered. A filter from outside is attached to the device {@code disk} in
 * each test. The bundles are started in an order of chance.
 */
@PaxExam
class PinsTest {
  private static final long LIMIT_SECONDS = 20;
  private static final String FILTER_USE = "filter xor on device disk";
  private static final String DEVICE_USE = "device disk";
  private static final String API = "io.sluice.filter.api";
  private static final String REGISTRY = "io.sluice.filter.registry";
  private static final String ORIGIN = "io.sluice.origin.file";
  private static final String STORE = "io.sluice.diffstore.file";

  @TempDir Path scratch;
  private BundleContext context;
  private InFramework in;
  private Bundle xor;
  private BlockDevice disk;
  private char letter = 'a';
  private final List<FrameworkListener> listeners = new ArrayList<>();

  @Configuration
  static Option[] configuration() throws IOException {
    return ShuffledProduct.options("PinsTest");
  }

  @BeforeEach
  void attach() throws Exception {
    context = FrameworkUtil.getBundle(getClass()).getBundleContext();
    in = new InFramework(context);
    // The bundles' order is of chance, so the registry may come late.
    DeviceTable devices = in.service(DeviceTable.class);
    FilterRegistry filters = in.service(FilterRegistry.class);
    xor = context.installBundle(XorBundle.SYMBOLIC_NAME, XorBundle.content("1.0.0"));
    xor.start();
    devices.add("disk", InFramework.file(scratch, "disk.img"), OriginOptions.DEFAULT);
    filters.attach(AttachRequest.of("disk", XorActivator.NAME));
    disk = in.device("disk", DeviceRole.LIVE);
    assertWorks();
  }

  @AfterEach
  void letGo() throws Exception {
    listeners.forEach(context::removeFrameworkListener);
    if (in.service(DeviceTable.class).list().stream().anyMatch(d -> d.name().equals("disk"))) {
      if (!in.service(FilterRegistry.class).chain("disk").isEmpty()) {
        detach();
      }
      in.service(DeviceTable.class).remove("disk");
    }
    if (xor.getState() != Bundle.UNINSTALLED) {
      xor.uninstall();
    }
    in.close();
  }

  private void detach() throws Exception {
    in.service(FilterRegistry.class).detach("disk", XorActivator.NAME);
  }

  /** All bundles are up, and what is written goes through the filter and comes back through it. */
  private void assertWorks() throws Exception {
    for (Bundle bundle : context.getBundles()) {
      assertEquals(Bundle.ACTIVE, bundle.getState(), bundle.toString());
    }
    byte[] block = filled(letter++);
    write(disk, 0, block);
    assertArrayEquals(block, read(disk, 0), "through the device");
    for (int i = 0; i < block.length; i++) {
      block[i] = (byte) ~block[i];
    }
    byte[] stored = new byte[BLOCK_SIZE_BYTES];
    try (RandomAccessFile origin =
        new RandomAccessFile(scratch.resolve("disk.img").toFile(), "r")) {
      origin.readFully(stored);
    }
    assertArrayEquals(block, stored, "in the origin, inverted by the filter");
  }

  private void assertRefused(Bundle bundle, String operation, String use, Executable call)
      throws Exception {
    BundleWiring before = bundle.adapt(BundleWiring.class);
    BundleException refusal = assertThrows(BundleException.class, call);
    assertIsRefusal(refusal.getMessage(), bundle, operation, use);
    assertEquals(BundleException.STATECHANGE_ERROR, refusal.getType());
    assertSame(before, bundle.adapt(BundleWiring.class), "the same classes");
    assertTrue(bundle.adapt(BundleStartLevel.class).isPersistentlyStarted(), "to be started again");
    assertWorks();
  }

  private static void assertIsRefusal(String message, Bundle bundle, String operation, String use) {
    String start =
        operation
            + " refused: bundle "
            + bundle.getSymbolicName()
            + " ["
            + bundle.getBundleId()
            + "] is in use by ";
    assertTrue(message.startsWith(start), message);
    assertTrue(message.contains(use), message);
  }

  private void assertAllRefused(Bundle bundle, String use) throws Exception {
    assertRefused(bundle, "stop", use, bundle::stop);
    assertRefused(bundle, "stop", use, () -> bundle.stop(Bundle.STOP_TRANSIENT));
    assertRefused(bundle, "update", use, bundle::update);
    assertRefused(bundle, "update", use, () -> bundle.update(XorBundle.content("2.0.0")));
    assertRefused(bundle, "uninstall", use, bundle::uninstall);
  }

  @Test
  void theApiHasItsPinsFromTheFramework() {
    List<String> providers = new ArrayList<>();
    for (Bundle bundle : List.of(in.bundle(API), in.bundle(REGISTRY))) {
      for (BundleWire wire : bundle.adapt(BundleWiring.class).getRequiredWires(null)) {
        if ("io.sluice.pin"
            .equals(wire.getCapability().getAttributes().get("osgi.wiring.package"))) {
          providers.add(
              bundle.getSymbolicName() + " " + wire.getProvider().getBundle().getBundleId());
        }
      }
    }
    assertEquals(List.of(API + " 0", REGISTRY + " 0"), providers);
    assertEquals(
        "org.apache.felix.framework.GuardedFelix", context.getBundle(0).getClass().getName());
  }

  @Test
  void theFiltersBundleStays() throws Exception {
    assertAllRefused(xor, FILTER_USE);
  }

  @Test
  void theRegistryStays() throws Exception {
    // Anybody's code comes to a bundle by what it provides.
    Bundle registry = context.getServiceReference(FilterRegistry.class).getBundle();
    assertEquals(REGISTRY, registry.getSymbolicName());
    assertAllRefused(registry, DEVICE_USE);
  }

  @Test
  void theApiStays() throws Exception {
    assertAllRefused(in.bundle(API), FILTER_USE);
  }

  @Test
  void theOriginsBundleStays() throws Exception {
    assertAllRefused(in.bundle(ORIGIN), DEVICE_USE);
  }

  @Test
  void aBundleDoesNotStopItselfEither() throws Exception {
    Map<String, Object> answer =
        in.service(FilterRegistry.class)
            .ctl("disk", XorActivator.NAME, XorActivator.LEAVE, List.of());
    assertIsRefusal((String) answer.get("refused"), xor, "stop", FILTER_USE);
    assertWorks();
  }

  @Test
  void theStoreOfAHeldSnapshotStays() throws Exception {
    FilterRegistry filters = in.service(FilterRegistry.class);
    SnapshotControl snapshots = in.service(SnapshotControl.class);
    filters.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    UUID snapshot =
        snapshots.create(
            new SnapshotRequest(List.of("disk"), "dir", scratch.toString(), 0, 0, "held"));
    snapshots.take(snapshot);
    assertAllRefused(in.bundle(STORE), "held");
    assertAllRefused(in.bundle("io.sluice.snapshot.bundle"), ChangeTracking.FILTER_NAME);
    snapshots.destroy(snapshot);
    in.bundle(STORE).stop();
    in.bundle(STORE).start();
    filters.detach("disk", ChangeTracking.FILTER_NAME);
    assertWorks();
  }

  private BlockingQueue<String> errors() {
    BlockingQueue<String> errors = new LinkedBlockingQueue<>();
    FrameworkListener listener =
        event -> {
          if (event.getType() == FrameworkEvent.ERROR) {
            errors.add(String.valueOf(event.getThrowable().getMessage()));
          }
        };
    context.addFrameworkListener(listener);
    listeners.add(listener);
    return errors;
  }

  private static String next(BlockingQueue<String> queue) throws InterruptedException {
    String first = queue.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(first, "within " + LIMIT_SECONDS + " s");
    return first;
  }

  private void refresh(List<Bundle> bundles) throws Exception {
    BlockingQueue<String> refreshed = new LinkedBlockingQueue<>();
    context
        .getBundle(0)
        .adapt(FrameworkWiring.class)
        .refreshBundles(bundles, event -> refreshed.add("type " + event.getType()));
    assertEquals("type " + FrameworkEvent.PACKAGES_REFRESHED, next(refreshed));
  }

  @Test
  void aRefreshLeavesThemAlone() throws Exception {
    BlockingQueue<String> errors = errors();
    BundleWiring before = xor.adapt(BundleWiring.class);
    for (Bundle target :
        List.of(
            xor, in.bundle(REGISTRY), in.bundle(API), in.bundle(ORIGIN), context.getBundle(0))) {
      refresh(List.of(target));
      String refusal = next(errors);
      assertTrue(refusal.startsWith("refresh refused: bundle "), refusal);
      assertTrue(refusal.contains(DEVICE_USE), refusal);
      assertWorks();
    }
    refresh(null);
    assertWorks();
    assertSame(before, xor.adapt(BundleWiring.class));
    assertEquals(List.of(), List.copyOf(errors), "nothing is pending, so nothing was refused");
  }

  @Test
  void theStartLevelDoesNotDropUnderThem() throws Exception {
    FrameworkStartLevel levels = context.getBundle(0).adapt(FrameworkStartLevel.class);
    int level = levels.getStartLevel();
    BlockingQueue<String> events = new LinkedBlockingQueue<>();
    levels.setStartLevel(
        1, event -> events.add(event.getType() + " " + event.getThrowable().getMessage()));
    String event = next(events);
    assertTrue(event.startsWith(FrameworkEvent.ERROR + " start level 1 refused: "), event);
    assertTrue(event.contains(FILTER_USE), event);
    assertEquals(level, levels.getStartLevel());
    assertWorks();

    BlockingQueue<String> errors = errors();
    BundleStartLevel own = xor.adapt(BundleStartLevel.class);
    int before = own.getStartLevel();
    own.setStartLevel(level + 50);
    assertIsRefusal(next(errors), xor, "stop", FILTER_USE);
    own.setStartLevel(before);
    assertWorks();
  }

  @Test
  void gogosCommandsAreRefused() throws Exception {
    BlockingQueue<String> errors = errors();
    for (String command :
        List.of("felix:stop $b", "felix:stop -t $b", "felix:uninstall $b", "felix:update $b")) {
      String said = gogo(command);
      assertTrue(said.contains(" refused: bundle " + xor.getSymbolicName()), command + ": " + said);
      assertTrue(said.contains(FILTER_USE), command + ": " + said);
      assertWorks();
    }
    for (String command :
        List.of("felix:refresh $b", "felix:bundlelevel -s 200 $b", "felix:frameworklevel 1")) {
      gogo(command);
      String refusal = next(errors);
      assertTrue(refusal.contains(FILTER_USE), command + ": " + refusal);
      assertWorks();
    }
  }

  /** What a command answers, prints or throws. */
  private String gogo(String command) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    CommandSession session =
        in.service(CommandProcessor.class).createSession(InputStream.nullInputStream(), out, out);
    try {
      session.put("b", xor);
      Object result = session.execute(command);
      return result + bytes.toString(StandardCharsets.UTF_8);
    } catch (BundleException e) {
      return e.getMessage();
    } finally {
      session.close();
    }
  }

  @Test
  void onceItIsDetachedAllGoesThrough() throws Exception {
    detach();
    xor.stop();
    assertEquals(Bundle.RESOLVED, xor.getState());
    xor.start();
    xor.update(XorBundle.content("2.0.0"));
    assertEquals("2.0.0", xor.getVersion().toString());
    BundleWiring before = xor.adapt(BundleWiring.class);
    refresh(List.of(xor));
    assertNotSame(before, xor.adapt(BundleWiring.class));
    assertEquals(Bundle.ACTIVE, xor.getState());
    in.service(FilterRegistry.class).attach(AttachRequest.of("disk", XorActivator.NAME));
    assertWorks();
    assertAllRefused(xor, FILTER_USE);
    detach();
    xor.uninstall();

    Bundle origin = in.bundle(ORIGIN);
    assertThrows(BundleException.class, origin::stop);
    in.service(DeviceTable.class).remove("disk");
    for (Bundle bundle : List.of(in.bundle(REGISTRY), origin)) {
      bundle.stop();
      assertEquals(Bundle.RESOLVED, bundle.getState());
      bundle.start();
    }
    assertFalse(in.service(DeviceTable.class).list().stream().anyMatch(d -> true));
  }
}
