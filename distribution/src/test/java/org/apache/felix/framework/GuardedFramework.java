package org.apache.felix.framework;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import io.sluice.pin.BundlePins;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.wiring.FrameworkWiring;

/** A guarded framework that runs, with bundles of headers alone. */
final class GuardedFramework {
  private static final long LIMIT_SECONDS = 20;
  static final int LEVEL = 10;

  final Framework framework;
  private final BlockingQueue<FrameworkEvent> errors = new LinkedBlockingQueue<>();

  GuardedFramework(Path storage) throws Exception {
    framework =
        new GuardedFrameworkFactory()
            .newFramework(
                Map.of(
                    Constants.FRAMEWORK_STORAGE,
                    storage.toString(),
                    Constants.FRAMEWORK_BEGINNING_STARTLEVEL,
                    Integer.toString(LEVEL),
                    "felix.log.level",
                    "0"));
    start();
  }

  /** Starts it, for the first time or again. */
  void start() throws Exception {
    framework.init();
    context()
        .addFrameworkListener(
            event -> {
              if (event.getType() == FrameworkEvent.ERROR) {
                errors.add(event);
              }
            });
    framework.start();
  }

  BundleContext context() {
    return framework.getBundleContext();
  }

  /** The pins as a bundle sees them; the framework's own bundle too. */
  static BundlePins pinsOf(Bundle taker) {
    BundleContext context = taker.getBundleContext();
    return context.getService(context.getServiceReference(BundlePins.class));
  }

  /** Installs and starts a bundle; {@code headers} are names and values. */
  Bundle add(String symbolicName, String... headers) throws Exception {
    Bundle bundle = context().installBundle(symbolicName, content(symbolicName, headers));
    bundle.start();
    return bundle;
  }

  static InputStream content(String symbolicName, String... headers) throws IOException {
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.putValue(Constants.BUNDLE_MANIFESTVERSION, "2");
    attributes.putValue(Constants.BUNDLE_SYMBOLICNAME, symbolicName);
    for (int i = 0; i < headers.length; i += 2) {
      attributes.putValue(headers[i], headers[i + 1]);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    new JarOutputStream(bytes, manifest).close();
    return new ByteArrayInputStream(bytes.toByteArray());
  }

  FrameworkWiring wiring() {
    return framework.adapt(FrameworkWiring.class);
  }

  /** The next error that the framework reports. */
  Throwable nextError() throws InterruptedException {
    FrameworkEvent event = errors.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
    assertNotNull(event, "a FrameworkEvent ERROR within " + LIMIT_SECONDS + " s");
    return event.getThrowable();
  }

  void forgetErrors() {
    errors.clear();
  }

  /** Calls the framework with a listener and waits for the event that it is to get. */
  static FrameworkEvent await(Predicate<FrameworkEvent> wanted, Call call) throws Exception {
    BlockingQueue<FrameworkEvent> events = new LinkedBlockingQueue<>();
    call.with(events::add);
    while (true) {
      FrameworkEvent event = events.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
      assertNotNull(event, "a framework event within " + LIMIT_SECONDS + " s");
      if (wanted.test(event)) {
        return event;
      }
    }
  }

  /** Something of the framework that tells a listener when it is through. */
  interface Call {
    void with(FrameworkListener listener);
  }

  void close() throws Exception {
    framework.stop();
    framework.waitForStop(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
  }
}
