package io.sluice.launch;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.felix.framework.GuardedFrameworkFactory;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.startlevel.FrameworkStartLevel;
import org.osgi.framework.wiring.BundleRevision;

/**
 * The framework with the distribution's bundles in it. Its storage is made anew at each start: what
 * lasts is what lies in the bundle directory, and a storage that a killed agent left half written
 * can't keep the next one from starting.
 */
final class Agent {
  private final Configuration configuration;
  private final Path bundleDirectory;
  private final Framework framework;

  Agent(Configuration configuration, Path bundleDirectory) {
    this.configuration = configuration;
    this.bundleDirectory = bundleDirectory;
    this.framework =
        new GuardedFrameworkFactory().newFramework(configuration.frameworkProperties());
  }

  /**
   * Installs and starts all bundles.
   *
   * @throws LaunchException if any of them is not active then, naming each with its reason
   */
  void start() throws LaunchException {
    try {
      framework.init();
      BundleContext context = framework.getBundleContext();
      framework
          .adapt(FrameworkStartLevel.class)
          .setInitialBundleStartLevel(Configuration.LEVEL_DEFAULT);
      List<Bundle> bundles = new ArrayList<>();
      for (Path jar : jars()) {
        bundles.add(install(context, jar));
      }
      PinWires.check(framework, bundles);
      StartFailures failures = new StartFailures();
      context.addFrameworkListener(failures);
      framework.start();
      check(bundles, failures);
      context.removeFrameworkListener(failures);
    } catch (BundleException e) {
      throw new LaunchException("the framework does not start: " + Reasons.of(e), e);
    }
  }

  /**
   * Waits until the framework has stopped.
   *
   * @return whether it is to be started again: it was told to update
   */
  boolean awaitStop() throws InterruptedException {
    return framework.waitForStop(0).getType() == FrameworkEvent.STOPPED_UPDATE;
  }

  /**
   * Stops everything in reverse order.
   *
   * @return whether it was done within the limit
   */
  boolean stop(Duration limit) {
    try {
      framework.stop();
      int event = framework.waitForStop(limit.toMillis()).getType();
      return event != FrameworkEvent.WAIT_TIMEDOUT && event != FrameworkEvent.ERROR;
    } catch (BundleException e) {
      System.err.println("sluiced: the framework does not stop: " + Reasons.of(e));
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private List<Path> jars() throws LaunchException {
    List<Path> jars = new ArrayList<>();
    try (DirectoryStream<Path> found = Files.newDirectoryStream(bundleDirectory, "*.jar")) {
      found.forEach(jars::add);
    } catch (IOException e) {
      throw new LaunchException("ENOENT: bundle directory: " + Reasons.of(e), e);
    }
    if (jars.isEmpty()) {
      throw new LaunchException("ENOENT: bundle directory " + bundleDirectory + ": has no *.jar");
    }
    Collections.sort(jars);
    return jars;
  }

  private Bundle install(BundleContext context, Path jar) throws LaunchException {
    try {
      Bundle bundle = context.installBundle("reference:" + jar.toUri());
      if (bundle.getSymbolicName() == null) {
        throw new LaunchException(
            "EINVAL: " + jar + ": is no OSGi bundle (no " + Constants.BUNDLE_SYMBOLICNAME + ")");
      }
      bundle
          .adapt(BundleStartLevel.class)
          .setStartLevel(configuration.startLevel(bundle.getSymbolicName()));
      if (!isFragment(bundle)) {
        bundle.start();
      }
      return bundle;
    } catch (BundleException e) {
      throw new LaunchException("EINVAL: " + jar + ": " + Reasons.of(e), e);
    }
  }

  private static void check(List<Bundle> bundles, StartFailures failures) throws LaunchException {
    List<String> inactive = new ArrayList<>();
    for (Bundle bundle : bundles) {
      if (!isFragment(bundle) && bundle.getState() != Bundle.ACTIVE) {
        inactive.add(
            "bundle " + bundle.getSymbolicName() + " does not start: " + failures.of(bundle));
      }
    }
    if (!inactive.isEmpty()) {
      throw new LaunchException(String.join("\nsluiced: ", inactive));
    }
  }

  private static boolean isFragment(Bundle bundle) {
    return (bundle.adapt(BundleRevision.class).getTypes() & BundleRevision.TYPE_FRAGMENT) != 0;
  }
}
