package io.sluice.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.export.Exporter;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.exam.PaxExam;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.SnapshotState;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.util.tracker.ServiceTracker;

/** The product's bundles together in a framework, used through their services alone. */
@PaxExam
class ShippedBundlesTest {
  private static final Duration SERVICE_LIMIT = Duration.ofSeconds(20);
  private static final int DEVICE_SIZE_BYTES = 1 << 20;
  private static final int BLOCK_SIZE_BYTES = 4096;

  private final List<ServiceTracker<?, ?>> trackers = new ArrayList<>();

  @TempDir Path scratch;

  /** Set in the framework; the class is made outside of it too, where there is none. */
  private BundleContext context;

  @Configuration
  static Option[] configuration() throws IOException {
    List<Option> options = new ArrayList<>();
    for (Path jar : Product.bundles()) {
      options.add(bundle(jar.toUri().toString()));
    }
    Path runDirectory = Files.createTempDirectory("sluice-exam");
    options.add(frameworkProperty("sluice.run.dir").value(runDirectory.toString()));
    options.add(frameworkProperty("sluice.home").value(Product.home().toString()));
    options.add(frameworkProperty("sluice.version").value("test"));
    return options.toArray(new Option[0]);
  }

  @BeforeEach
  void nothingIsThereYet() throws Exception {
    context = FrameworkUtil.getBundle(getClass()).getBundleContext();
    assertEquals(List.of(), service(DeviceTable.class).list());
    assertEquals(List.of(), service(SnapshotControl.class).list());
  }

  @AfterEach
  void closeTrackers() {
    trackers.forEach(ServiceTracker::close);
  }

  @Test
  void allAreActive() {
    List<String> inactive = new ArrayList<>();
    Set<String> active = new TreeSet<>();
    for (Bundle bundle : context.getBundles()) {
      if (bundle.getState() == Bundle.ACTIVE) {
        active.add(bundle.getSymbolicName());
      } else {
        inactive.add(bundle + " in state " + bundle.getState());
      }
    }
    assertEquals(List.of(), inactive);
    for (String part :
        List.of("filter.api", "origin.file", "filter.registry", "diffstore.file", "export.nbd")) {
      assertTrue(active.contains("io.sluice." + part), "io.sluice." + part + " among " + active);
    }
  }

  @Test
  void allServicesAreThere() throws Exception {
    service(OriginProvider.class);
    service(DeviceTable.class);
    service(FilterRegistry.class);
    service(SnapshotControl.class);
    service(ChangeTracking.class);
    assertEquals("nbd", service(Exporter.class).kind());
    Set<String> kinds = service(DiffStoreProvider.class).kinds();
    assertTrue(kinds.containsAll(Set.of("file", "dir")), "kinds of stores: " + kinds);
  }

  @Test
  void aSnapshotKeepsTheMomentOfItsTake() throws Exception {
    DeviceTable devices = service(DeviceTable.class);
    FilterRegistry filters = service(FilterRegistry.class);
    SnapshotControl snapshots = service(SnapshotControl.class);
    ChangeTracking tracking = service(ChangeTracking.class);

    devices.add("disk", file("disk.img", DEVICE_SIZE_BYTES), OriginOptions.DEFAULT);
    BlockDevice live = device("disk", DeviceRole.LIVE);
    filters.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    write(live, 0, filled('a'));
    write(live, BLOCK_SIZE_BYTES, filled('b'));

    UUID snapshot =
        snapshots.create(
            new SnapshotRequest(List.of("disk"), "dir", scratch.toString(), 0, 0, "monday"));
    assertEquals(SnapshotState.TAKEN, snapshots.take(snapshot).state());
    write(live, 0, filled('X'));

    BlockDevice image = device("disk@monday", DeviceRole.IMAGE);
    assertEquals(DEVICE_SIZE_BYTES, image.geometry().sizeBytes());
    assertArrayEquals(filled('a'), read(image, 0), "overwritten after the take");
    assertArrayEquals(filled('b'), read(image, BLOCK_SIZE_BYTES), "left alone after the take");
    assertArrayEquals(filled('X'), read(live, 0), "the live device goes on");
    assertEquals(1, tracking.info("disk").changesNumber());

    snapshots.destroy(snapshot);
    assertNoDevice("disk@monday");
    filters.detach("disk", ChangeTracking.FILTER_NAME);
    assertArrayEquals(filled('X'), read(live, 0), "after the snapshot and its filter are gone");
    devices.remove("disk");
    assertNoDevice("disk");
    byte[] file = Files.readAllBytes(scratch.resolve("disk.img"));
    assertArrayEquals(filled('X'), Arrays.copyOf(file, BLOCK_SIZE_BYTES), "in the origin");
  }

  @Test
  void anExporterComesBackAfterARestartOfItsBundle() throws Exception {
    restart("io.sluice.export.nbd", Exporter.class);
    DeviceTable devices = service(DeviceTable.class);
    devices.add("back", file("back.img", DEVICE_SIZE_BYTES), OriginOptions.DEFAULT);
    Exporter exporter = service(Exporter.class);
    assertTrue(
        exporter.list().stream().anyMatch(export -> export.name().equals("back")),
        () -> "exports: " + exporter.list());
    devices.remove("back");
  }

  @Test
  void aStoreProviderComesBackAfterARestartOfItsBundle() throws Exception {
    restart("io.sluice.diffstore.file", DiffStoreProvider.class);
    assertTrue(service(DiffStoreProvider.class).kinds().contains("file"), "kinds of stores");
  }

  private void restart(String symbolicName, Class<?> type) throws Exception {
    service(type);
    Bundle bundle = bundleNamed(symbolicName);
    bundle.stop();
    assertEquals(Bundle.RESOLVED, bundle.getState());
    assertNull(context.getServiceReference(type), type + " after its bundle was stopped");
    bundle.start();
    assertEquals(Bundle.ACTIVE, bundle.getState());
    service(type);
  }

  private Bundle bundleNamed(String symbolicName) {
    return Arrays.stream(context.getBundles())
        .filter(bundle -> symbolicName.equals(bundle.getSymbolicName()))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no bundle " + symbolicName));
  }

  private <T> T service(Class<T> type) throws Exception {
    ServiceTracker<T, T> tracker = new ServiceTracker<>(context, type, null);
    trackers.add(tracker);
    tracker.open();
    T service = tracker.waitForService(SERVICE_LIMIT.toMillis());
    assertNotNull(service, "service " + type.getName() + " within " + SERVICE_LIMIT);
    return service;
  }

  private BlockDevice device(String name, DeviceRole role) throws Exception {
    String filter =
        String.format(
            "(&(%s=%s)(%s=%s)(%s=%s))",
            Constants.OBJECTCLASS,
            BlockDevice.class.getName(),
            BlockDevice.NAME_PROPERTY,
            name,
            BlockDevice.ROLE_PROPERTY,
            role.property());
    ServiceTracker<BlockDevice, BlockDevice> tracker =
        new ServiceTracker<>(context, context.createFilter(filter), null);
    trackers.add(tracker);
    tracker.open();
    BlockDevice device = tracker.waitForService(SERVICE_LIMIT.toMillis());
    assertNotNull(device, "device " + filter + " within " + SERVICE_LIMIT);
    return device;
  }

  /** The service must be gone by the time that the call which withdraws it returns. */
  private void assertNoDevice(String name) throws Exception {
    assertTrue(
        context
            .getServiceReferences(
                BlockDevice.class, "(" + BlockDevice.NAME_PROPERTY + "=" + name + ")")
            .isEmpty(),
        "device " + name + " is still published");
  }

  private String file(String name, int sizeBytes) throws IOException {
    Path path = scratch.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(sizeBytes);
    }
    return path.toString();
  }

  private static byte[] filled(char letter) {
    byte[] bytes = new byte[BLOCK_SIZE_BYTES];
    Arrays.fill(bytes, (byte) letter);
    return bytes;
  }

  private static void write(BlockDevice device, long offsetBytes, byte[] bytes) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    device.submit(new Bio().write(offsetBytes, data, 0));
  }

  private static byte[] read(BlockDevice device, long offsetBytes) throws Exception {
    ByteBuffer data = ByteBuffer.allocateDirect(BLOCK_SIZE_BYTES);
    device.submit(new Bio().read(offsetBytes, data));
    byte[] bytes = new byte[BLOCK_SIZE_BYTES];
    data.flip().get(bytes);
    return bytes;
  }
}
