package io.sluice.registry.osgi;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.registry.osgi.probe.ProbeActivator;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** A framework with the registry in it, origins of nothing, and bundles with a filter. */
final class ProbeFramework {
  final Framework framework;
  final BundleContext context;
  final Bundle registry;

  /** What the probes were called with. */
  final Queue<String> calls = new ConcurrentLinkedQueue<>();

  /** Lets probes that hang go on. */
  final CountDownLatch release = new CountDownLatch(1);

  ProbeFramework(Path storage) throws BundleException {
    this(storage, "");
  }

  /**
   * @param holdLimitMillis how long a swap may hold bios back; empty for the default
   */
  ProbeFramework(Path storage, String holdLimitMillis) throws BundleException {
    System.getProperties().put(ProbeActivator.CALLS, calls);
    System.getProperties().put(ProbeActivator.RELEASE, release);
    FrameworkFactory factory = ServiceLoader.load(FrameworkFactory.class).iterator().next();
    framework =
        factory.newFramework(
            Map.of(
                Constants.FRAMEWORK_STORAGE,
                storage.toString(),
                Activator.HOLD_LIMIT_PROPERTY,
                holdLimitMillis.isEmpty() ? "10000" : holdLimitMillis,
                Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
                Stream.of("block", "export", "filter", "pin", "swap")
                    .map(name -> "io.sluice." + name + ";version=1.0.0")
                    .collect(Collectors.joining(","))));
    framework.start();
    context = framework.getBundleContext();
    String classes = Activator.class.getProtectionDomain().getCodeSource().getLocation().toString();
    registry = context.installBundle("reference:" + classes);
  }

  /** Starts the registry, apart so that a test can put services there before. */
  ProbeFramework start() throws BundleException {
    registry.start();
    context.registerService(OriginProvider.class, new Nothing(), null);
    return this;
  }

  <T> T service(Class<T> type) {
    ServiceReference<T> reference = context.getServiceReference(type);
    assertNotNull(reference, type.getSimpleName());
    return context.getService(reference);
  }

  FilterRegistry filters() {
    return service(FilterRegistry.class);
  }

  DeviceTable devices() {
    return service(DeviceTable.class);
  }

  BlockDevice add(String name) throws Exception {
    devices().add(name, "/mem/" + name, OriginOptions.DEFAULT);
    return context.getService(
        context
            .getServiceReferences(BlockDevice.class, "(sluice.device.name=" + name + ")")
            .iterator()
            .next());
  }

  Bundle install(String version, String... headers) throws Exception {
    Bundle bundle = context.installBundle("probe:" + version, probe(version, headers));
    bundle.start();
    return bundle;
  }

  /** A probe's jar, with more headers as name and value in turn. */
  static InputStream probe(String version, String... headers) throws IOException {
    Manifest manifest = new Manifest();
    Attributes main = manifest.getMainAttributes();
    main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    main.putValue(Constants.BUNDLE_MANIFESTVERSION, "2");
    main.putValue(Constants.BUNDLE_SYMBOLICNAME, "test.probe");
    main.putValue(Constants.BUNDLE_VERSION, version);
    main.putValue(Constants.BUNDLE_ACTIVATOR, ProbeActivator.class.getName());
    main.putValue(
        Constants.IMPORT_PACKAGE,
        "org.osgi.framework,io.sluice.block,io.sluice.filter,io.sluice.swap");
    for (int i = 0; i < headers.length; i += 2) {
      main.putValue(headers[i], headers[i + 1]);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JarOutputStream jar = new JarOutputStream(bytes, manifest)) {
      for (String suffix : List.of("", "$Operations", "$Probe", "$State")) {
        String name = ProbeActivator.class.getName().replace('.', '/') + suffix + ".class";
        jar.putNextEntry(new JarEntry(name));
        try (InputStream in = ProbeActivator.class.getClassLoader().getResourceAsStream(name)) {
          in.transferTo(jar);
        }
      }
    }
    return new ByteArrayInputStream(bytes.toByteArray());
  }

  /** The calls so far, which are forgotten. */
  List<String> takeCalls() {
    List<String> taken = new ArrayList<>(calls);
    calls.clear();
    return taken;
  }

  void shutDown() throws Exception {
    release.countDown();
    framework.stop();
    framework.waitForStop(60_000);
  }

  /** Opens origins that complete all bios and keep nothing. */
  private static final class Nothing implements OriginProvider {
    @Override
    public boolean accepts(String path) {
      return path.startsWith("/mem/");
    }

    @Override
    public OriginDevice open(String path, OriginOptions options) {
      return new OriginDevice() {
        @Override
        public String path() {
          return path;
        }

        @Override
        public StorageIdentity identity() {
          return new StorageIdentity(false, 0, path.hashCode());
        }

        @Override
        public DeviceGeometry geometry() {
          return new DeviceGeometry(
              1 << 20, 512, 512, false, false, Set.of(BioOp.READ, BioOp.WRITE));
        }

        @Override
        public void submit(Bio bio) {
          if (bio.data() != null) {
            bio.data().position(bio.data().limit());
          }
        }

        @Override
        public void close() {}
      };
    }
  }
}
