package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.itests.Product;
import io.sluice.shell.client.BlksnapClient;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.felix.framework.GuardedFrameworkFactory;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.startlevel.BundleStartLevel;

/**
 * The product's bundles in the product's framework, in this process and with parameters of choice.
 * The framework has the API's packages from the class path of the test, so a test calls services as
 * any bundle does, and may provide filters, origins and stores.
 */
final class InProcessAgent {
  private static final long LIMIT_SECONDS = 60;
  private static final String API_BUNDLE = "filter-api-";
  private static final String API_VERSION = "1.0.0";
  private static final List<String> API_PACKAGES =
      List.of("block", "diffstore", "export", "filter", "snapshot", "swap");

  /** The bundles' loggers; as quiet as is right for hundreds of devices. */
  static final Logger LOG = Logger.getLogger("io.sluice");

  private final Path directory;
  private final Framework framework;
  private final InFramework in;

  /**
   * Starts one.
   *
   * @param directory its run directory, new; its devices' files are made in there
   * @param properties framework properties besides those of every agent
   */
  static InProcessAgent start(Path directory, Map<String, String> properties) throws Exception {
    return new InProcessAgent(Files.createDirectories(directory), properties);
  }

  private InProcessAgent(Path directory, Map<String, String> more) throws Exception {
    this.directory = directory;
    LOG.setLevel(Level.WARNING);
    Properties conf = new Properties();
    try (Reader reader =
        Files.newBufferedReader(Product.home().resolve("conf/sluice.properties"))) {
      conf.load(reader);
    }
    Map<String, String> properties = new HashMap<>();
    conf.stringPropertyNames().forEach(name -> properties.put(name, conf.getProperty(name)));
    properties.putAll(more);
    properties.put(Constants.FRAMEWORK_STORAGE, directory.resolve("framework").toString());
    properties.put(Constants.FRAMEWORK_BEGINNING_STARTLEVEL, "100");
    properties.put(
        Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
        API_PACKAGES.stream()
            .map(name -> "io.sluice." + name + ";version=" + API_VERSION)
            .collect(Collectors.joining(",")));
    properties.put("sluice.run.dir", directory.toString());
    properties.put("sluice.home", Product.home().toString());
    properties.put("sluice.version", "test");
    properties.put(
        "felix.fileinstall.dir", Files.createDirectory(directory.resolve("plugins")).toString());
    framework = new GuardedFrameworkFactory().newFramework(properties);
    framework.init();
    for (Path jar : Product.bundles()) {
      if (!jar.getFileName().toString().startsWith(API_BUNDLE)) {
        install(jar, conf);
      }
    }
    framework.start();
    for (Bundle bundle : context().getBundles()) {
      assertEquals(Bundle.ACTIVE, bundle.getState(), bundle.toString());
    }
    in = new InFramework(context());
  }

  private void install(Path jar, Properties conf) throws Exception {
    Bundle bundle = context().installBundle(jar.toUri().toString());
    String level = conf.getProperty("sluice.level." + bundle.getSymbolicName(), "40");
    bundle.adapt(BundleStartLevel.class).setStartLevel(Integer.parseInt(level));
    bundle.start();
  }

  BundleContext context() {
    return framework.getBundleContext();
  }

  Bundle bundle(String symbolicName) {
    return in.bundle(symbolicName);
  }

  Path directory() {
    return directory;
  }

  DeviceTable devices() throws Exception {
    return in.service(DeviceTable.class);
  }

  FilterRegistry filters() throws Exception {
    return in.service(FilterRegistry.class);
  }

  SnapshotControl snapshots() throws Exception {
    return in.service(SnapshotControl.class);
  }

  ChangeTracking tracking() throws Exception {
    return in.service(ChangeTracking.class);
  }

  /** The file that {@link #disk} makes. */
  Path origin(String name) {
    return directory.resolve(name + ".img");
  }

  /** A device on a new file in which no sector is like another, and none is of zeroes. */
  BlockDevice disk(String name, long sizeBytes) throws Exception {
    SectorPattern.ofOrigin().fillFile(origin(name), sizeBytes);
    return add(name, origin(name).toString());
  }

  /** The same, tracked. */
  BlockDevice trackedDisk(String name, long sizeBytes) throws Exception {
    BlockDevice live = disk(name, sizeBytes);
    attach(name, ChangeTracking.FILTER_NAME);
    return live;
  }

  /** A device on a path that is there. */
  BlockDevice add(String name, String path) throws Exception {
    devices().add(name, path, OriginOptions.DEFAULT);
    return in.device(name, DeviceRole.LIVE);
  }

  void attach(String device, String filter) throws Exception {
    filters().attach(AttachRequest.of(device, filter));
  }

  /** A snapshot with an unnamed store in the run directory, taken. */
  SnapshotInfo take(String name, String... devices) throws Exception {
    return snapshots().take(create(name, "dir", directory.toString(), 0, devices));
  }

  UUID create(String name, String kind, String argument, long limitBytes, String... devices)
      throws Exception {
    return snapshots()
        .create(new SnapshotRequest(List.of(devices), kind, argument, limitBytes, 0, name));
  }

  /** The image of a device in a snapshot of that name. */
  BlockDevice image(String device, String snapshot) throws Exception {
    return in.device(device + "@" + snapshot, DeviceRole.IMAGE);
  }

  /** The held map, whole. */
  byte[] map(String device) throws Exception {
    ByteBuffer map = ByteBuffer.allocate(tracking().info(device).blockCount());
    tracking().readMap(device, 0, map);
    return map.array();
  }

  /** What the program {@code blksnap} did. */
  record ToolRun(int exitCode, String out, String err) {}

  /** Runs {@code blksnap} against this agent, by its client and the control socket. */
  ToolRun blksnap(String... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        new BlksnapClient(
                Map.of("SLUICE_RUN", directory.toString()),
                directory,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8))
            .run(List.of(arguments));
    return new ToolRun(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** The names in the run directory that start so. */
  List<String> files(String prefix) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.startsWith(prefix))
          .sorted()
          .toList();
    }
  }

  /** Destroys all snapshots and removes all devices, so that a test starts with none. */
  void clear() throws Exception {
    for (SnapshotInfo snapshot : snapshots().list()) {
      snapshots().destroy(snapshot.id());
    }
    for (DeviceInfo device : devices().list()) {
      for (String filter : device.filters()) {
        filters().detach(device.name(), filter);
      }
      devices().remove(device.name());
    }
  }

  /** Ends it, in order. */
  void close() throws Exception {
    in.close();
    framework.stop();
    assertEquals(
        FrameworkEvent.STOPPED,
        framework.waitForStop(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS)).getType());
  }
}
