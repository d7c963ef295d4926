package io.sluice.itests;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static io.sluice.itests.InFramework.DEVICE_SIZE_BYTES;
import static io.sluice.itests.InFramework.file;
import static io.sluice.itests.InFramework.filled;
import static io.sluice.itests.InFramework.read;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;

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
import java.nio.file.Files;
import java.nio.file.Path;
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
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;

/** The product's bundles together in a framework, used through their services alone. */
@PaxExam
class ShippedBundlesTest {
  @TempDir Path scratch;

  /** Set in the framework; the class is made outside of it too, where there is none. */
  private BundleContext context;

  private InFramework in;

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
    in = new InFramework(context);
    assertEquals(List.of(), in.service(DeviceTable.class).list());
    assertEquals(List.of(), in.service(SnapshotControl.class).list());
  }

  @AfterEach
  void closeTrackers() {
    in.close();
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
    in.service(OriginProvider.class);
    in.service(DeviceTable.class);
    in.service(FilterRegistry.class);
    in.service(SnapshotControl.class);
    in.service(ChangeTracking.class);
    Set<String> exports = new TreeSet<>();
    for (ServiceReference<Exporter> reference :
        context.getServiceReferences(Exporter.class, null)) {
      exports.add(context.getService(reference).kind());
    }
    assertEquals(Set.of("fuse", "loop", "nbd"), exports);
    Set<String> kinds = new TreeSet<>();
    for (ServiceReference<DiffStoreProvider> reference :
        context.getServiceReferences(DiffStoreProvider.class, null)) {
      kinds.addAll(context.getService(reference).kinds());
    }
    assertEquals(Set.of("blockdev", "dir", "file", "tmpfs"), kinds);
  }

  @Test
  void aSnapshotKeepsTheMomentOfItsTake() throws Exception {
    DeviceTable devices = in.service(DeviceTable.class);
    FilterRegistry filters = in.service(FilterRegistry.class);
    SnapshotControl snapshots = in.service(SnapshotControl.class);
    ChangeTracking tracking = in.service(ChangeTracking.class);

    devices.add("disk", file(scratch, "disk.img"), OriginOptions.DEFAULT);
    BlockDevice live = in.device("disk", DeviceRole.LIVE);
    filters.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    write(live, 0, filled('a'));
    write(live, BLOCK_SIZE_BYTES, filled('b'));

    UUID snapshot =
        snapshots.create(
            new SnapshotRequest(List.of("disk"), "dir", scratch.toString(), 0, 0, "monday"));
    assertEquals(SnapshotState.TAKEN, snapshots.take(snapshot).state());
    write(live, 0, filled('X'));

    BlockDevice image = in.device("disk@monday", DeviceRole.IMAGE);
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
    DeviceTable devices = in.service(DeviceTable.class);
    devices.add("back", file(scratch, "back.img"), OriginOptions.DEFAULT);
    Exporter exporter = in.exporter("nbd");
    assertTrue(
        exporter.list().stream().anyMatch(export -> export.name().equals("back")),
        () -> "exports: " + exporter.list());
    devices.remove("back");
  }

  @Test
  void aStoreProviderComesBackAfterARestartOfItsBundle() throws Exception {
    restart("io.sluice.diffstore.file", DiffStoreProvider.class);
  }

  private void restart(String symbolicName, Class<?> type) throws Exception {
    in.service(type);
    Bundle bundle = in.bundle(symbolicName);
    bundle.stop();
    assertEquals(Bundle.RESOLVED, bundle.getState());
    assertFalse(offers(bundle, type), type + " after its bundle was stopped");
    bundle.start();
    assertEquals(Bundle.ACTIVE, bundle.getState());
    assertTrue(offers(bundle, type), type + " after its bundle was started again");
  }

  /** Whether the bundle itself does: others may offer a service of the type too. */
  private <T> boolean offers(Bundle bundle, Class<T> type) throws Exception {
    return context.getServiceReferences(type, null).stream()
        .anyMatch(reference -> bundle.equals(reference.getBundle()));
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
}
