package io.sluice.itests.pins;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.sluice.itests.InFramework;
import io.sluice.itests.Product;
import java.io.ByteArrayInputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.framework.startlevel.BundleStartLevel;

/**
 * The product's bundles in any framework, at the levels of its configuration, with a {@link Probe}.
 */
final class ProductFramework {
  private static final long LIMIT_SECONDS = 30;
  private static final String PROBE = "probe";

  /** Above the registry, which the probe asks, and below what is watched as it stops. */
  private static final int PROBE_LEVEL = 35;

  final Framework framework;
  private final Properties configuration = new Properties();
  private final List<Thread> clients = new ArrayList<>();
  private final Queue<String> clientErrors = new ConcurrentLinkedQueue<>();
  private volatile boolean clientsRun = true;

  ProductFramework(FrameworkFactory factory, Path directory, String test) throws Exception {
    try (Reader reader =
        Files.newBufferedReader(Product.home().resolve("conf/sluice.properties"))) {
      configuration.load(reader);
    }
    Map<String, String> properties = new HashMap<>();
    properties.put(Constants.FRAMEWORK_STORAGE, directory.resolve("framework").toString());
    properties.put(Constants.FRAMEWORK_BEGINNING_STARTLEVEL, "100");
    properties.put("sluice.run.dir", directory.toString());
    properties.put("sluice.home", Product.home().toString());
    properties.put("sluice.version", "test");
    properties.put(
        "felix.fileinstall.dir", Files.createDirectory(directory.resolve("plugins")).toString());
    framework = factory.newFramework(properties);
    framework.init();
    for (Path jar : ShuffledProduct.bundles(test)) {
      install(context().installBundle(jar.toUri().toString()));
    }
    Bundle probe =
        context()
            .installBundle(
                PROBE,
                new ByteArrayInputStream(
                    XorBundle.jar(
                        List.of(Probe.class, InFramework.class),
                        Constants.BUNDLE_SYMBOLICNAME,
                        PROBE,
                        Constants.IMPORT_PACKAGE,
                        "io.sluice.block,io.sluice.filter,io.sluice.snapshot,"
                            + "org.osgi.framework,org.osgi.util.tracker")));
    install(probe);
    framework.start();
    assertAllActive();
  }

  private void install(Bundle bundle) throws BundleException {
    int fallback = bundle.getSymbolicName().equals(PROBE) ? PROBE_LEVEL : 40;
    String level = configuration.getProperty("sluice.level." + bundle.getSymbolicName());
    bundle
        .adapt(BundleStartLevel.class)
        .setStartLevel(level == null ? fallback : Integer.parseInt(level));
    bundle.start();
  }

  BundleContext context() {
    return framework.getBundleContext();
  }

  void assertAllActive() {
    for (Bundle bundle : context().getBundles()) {
      assertEquals(Bundle.ACTIVE, bundle.getState(), bundle + " of " + framework);
    }
  }

  Bundle bundle(String symbolicName) {
    for (Bundle bundle : context().getBundles()) {
      if (symbolicName.equals(bundle.getSymbolicName())) {
        return bundle;
      }
    }
    throw new AssertionError("no bundle " + symbolicName);
  }

  /** Has the probe do something. */
  @SuppressWarnings("unchecked")
  String ask(String line) {
    UnaryOperator<String> probe =
        context().getService(context().getServiceReference(UnaryOperator.class));
    assertNotNull(probe, "the probe");
    return probe.apply(line);
  }

  void done(String line) {
    assertEquals(Probe.DONE, ask(line), line);
  }

  /** Starts clients that write and read back, each a block of its own, until they are joined. */
  void startClients(String device, int count) {
    for (int i = 0; i < count; i++) {
      int block = i;
      Thread client = new Thread(() -> runClient(device, block), "client-" + block);
      clients.add(client);
      client.start();
    }
  }

  private void runClient(String device, int block) {
    for (int i = 0; clientsRun; i++) {
      String answer = ask("io " + device + " " + block + " " + (char) ('a' + i % 26));
      if (!answer.equals(Probe.DONE)) {
        clientErrors.add("client " + block + ", round " + i + ": " + answer);
        return;
      }
    }
  }

  /** Ends the clients; none of them has met an error. */
  void joinClients() throws InterruptedException {
    clientsRun = false;
    for (Thread client : clients) {
      client.join(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
      assertEquals(Thread.State.TERMINATED, client.getState(), client.getName());
    }
    assertEquals(List.of(), List.copyOf(clientErrors), "what clients met");
  }

  /** Stops the framework; the type of the event that ends it. */
  int stop() throws Exception {
    clientsRun = false;
    framework.stop();
    return framework.waitForStop(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS)).getType();
  }
}
