package org.apache.felix.framework;

import io.sluice.pin.BundlePins;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.connect.ModuleConnector;
import org.osgi.framework.wiring.FrameworkWiring;

/**
 * A Felix that refuses to take down bundles in use. OSGi has no veto: listeners and hooks may watch
 * a bundle go, not keep it. But every way down, whoever asks, ends in one of the few methods that
 * are overridden here, which is why this class lies in Felix's package.
 *
 * <p>A call fails with a BundleException. A refresh and a start level, which run in threads of the
 * framework, fail with a FrameworkEvent ERROR that holds one. The framework's own stop, update and
 * restart are never refused.
 */
@SuppressWarnings("unchecked") // Felix implements some of OSGi's methods with raw types.
final class GuardedFelix extends Felix {
  private static final System.Logger LOG = System.getLogger("io.sluice.pin");

  /** What is overridden, by name and parameters. */
  private static final Map<String, List<Class<?>>> OVERRIDDEN =
      Map.of(
          "startBundle", List.of(BundleImpl.class, int.class),
          "stopBundle", List.of(BundleImpl.class, boolean.class),
          "updateBundle", List.of(BundleImpl.class, InputStream.class),
          "uninstallBundle", List.of(BundleImpl.class),
          "refreshPackages", List.of(Collection.class, FrameworkListener[].class),
          "setActiveStartLevel", List.of(int.class, FrameworkListener[].class));

  /** Nobody can ask for it; the framework sets it itself in order to stop all bundles. */
  private static final int LEVEL_OF_A_STOPPED_FRAMEWORK = 0;

  private final PinTable pins = new PinTable();

  /** Of the present life of the framework; written before any of its threads runs. */
  private ServiceRegistration<BundlePins> pinService;

  /**
   * Makes a framework that is not started.
   *
   * @throws IllegalStateException if this Felix is one that would not be guarded
   */
  GuardedFelix(Map<String, String> configuration, ModuleConnector connector) {
    super(configuration, connector);
    requireOverridden(Felix.class);
  }

  /** Checks that the methods which are overridden here are those that a Felix calls. */
  static void requireOverridden(Class<?> felix) {
    for (Map.Entry<String, List<Class<?>>> entry : OVERRIDDEN.entrySet()) {
      Class<?>[] parameters = entry.getValue().toArray(new Class<?>[0]);
      int modifiers;
      try {
        Method method = felix.getDeclaredMethod(entry.getKey(), parameters);
        modifiers = method.getModifiers();
      } catch (NoSuchMethodException e) {
        throw notGuarded(felix, entry.getKey(), "does not declare", e);
      }
      if ((modifiers & (Modifier.PRIVATE | Modifier.STATIC | Modifier.FINAL)) != 0) {
        throw notGuarded(felix, entry.getKey(), "does not let anyone override", null);
      }
    }
  }

  private static IllegalStateException notGuarded(
      Class<?> felix, String method, String fault, Exception cause) {
    return new IllegalStateException(
        "this framework can't be guarded: "
            + felix.getName()
            + " from "
            + felix.getProtectionDomain().getCodeSource()
            + " "
            + fault
            + " "
            + method
            + OVERRIDDEN.get(method).stream().map(Class::getSimpleName).toList()
            + ", so bundles in use could be stopped; use the Felix that the distribution ships",
        cause);
  }

  @Override
  public void init(FrameworkListener... listeners) throws BundleException {
    // As Felix does it: an update of the framework starts it again, beside whoever else may.
    acquireBundleLock(this, Bundle.INSTALLED | Bundle.RESOLVED | Bundle.STARTING | Bundle.ACTIVE);
    try {
      boolean fresh = (getState() & (Bundle.INSTALLED | Bundle.RESOLVED)) != 0;
      super.init(listeners);
      if (fresh) {
        // No bundle has been started yet, so there is none that could do without pins.
        pins.open();
        BundleContext context = _getBundleContext();
        pinService = context.registerService(BundlePins.class, new PinService(context, pins), null);
      }
    } finally {
      releaseBundleLock(this);
    }
  }

  @Override
  void startBundle(BundleImpl bundle, int options) throws BundleException {
    pins.returning(bundle);
    super.startBundle(bundle, options);
  }

  @Override
  void stopBundle(BundleImpl bundle, boolean record) throws BundleException {
    if (bundle == this) {
      // Whoever holds pins is told by the STOPPING event, and what is pinned stays up till then.
      pins.refuseNewPins();
      super.stopBundle(bundle, record);
      return;
    }
    try (PinTable.Departure departure = pins.depart()) {
      departure.add("stop", List.of(bundle));
      super.stopBundle(bundle, record);
    }
  }

  @Override
  void uninstallBundle(BundleImpl bundle) throws BundleException {
    // An override of its own: Felix uninstalls a bundle that it could not stop.
    try (PinTable.Departure departure = pins.depart()) {
      departure.add("uninstall", List.of(bundle));
      super.uninstallBundle(bundle);
    }
  }

  @Override
  void updateBundle(BundleImpl bundle, InputStream content) throws BundleException {
    try (PinTable.Departure departure = pins.depart()) {
      try {
        departure.add("update", List.of(bundle));
      } catch (BundleException e) {
        closeQuietly(content, e);
        throw e;
      }
      super.updateBundle(bundle, content);
    }
  }

  private static void closeQuietly(InputStream content, BundleException refusal) {
    try {
      if (content != null) {
        content.close();
      }
    } catch (IOException e) {
      refusal.addSuppressed(e);
    }
  }

  /**
   * Refreshes those targets that drag no bundle in use along; the others stay pending. Felix itself
   * would refresh the rest of a closure under a bundle that it could not stop. Returns in order in
   * any case: callers wait for PACKAGES_REFRESHED.
   */
  @Override
  void refreshPackages(Collection<Bundle> targets, FrameworkListener[] listeners) {
    FrameworkWiring wiring = adapt(FrameworkWiring.class);
    Collection<Bundle> wanted = targets == null ? wiring.getRemovalPendingBundles() : targets;
    List<Bundle> admitted = new ArrayList<>();
    try (PinTable.Departure departure = pins.depart()) {
      for (Bundle target : wanted) {
        if (target == null) {
          continue;
        }
        try {
          departure.add("refresh", goneWith(wiring.getDependencyClosure(List.of(target))));
          admitted.add(target);
        } catch (BundleException e) {
          report(target, e);
        }
      }
      super.refreshPackages(admitted, listeners);
    }
  }

  /** What a refresh of a closure takes down: with the framework or a part of it, everything. */
  private Collection<Bundle> goneWith(Collection<Bundle> closure) {
    boolean restart =
        closure.stream().anyMatch(bundle -> bundle == this || ((BundleImpl) bundle).isExtension());
    return restart ? Arrays.asList(getBundles()) : closure;
  }

  /** A drop that would stop a bundle in use is refused as a whole, and the level stays. */
  @Override
  void setActiveStartLevel(int level, FrameworkListener[] listeners) {
    if (level == LEVEL_OF_A_STOPPED_FRAMEWORK) {
      pins.standAside();
      super.setActiveStartLevel(level, listeners);
      // Felix leaves the services of its own bundle to the next start.
      pinService.unregister();
      return;
    }
    List<Bundle> above = new ArrayList<>();
    for (Bundle bundle : getBundles()) {
      if (bundle != this && getBundleStartLevel(bundle) > level) {
        above.add(bundle);
      }
    }
    try (PinTable.Departure departure = pins.depart()) {
      if (level < getActiveStartLevel()) {
        departure.add("start level " + level, above);
      }
      super.setActiveStartLevel(level, listeners);
    } catch (BundleException e) {
      report(this, e);
      FrameworkEvent event = new FrameworkEvent(FrameworkEvent.ERROR, this, e);
      for (FrameworkListener listener : listeners == null ? new FrameworkListener[0] : listeners) {
        tell(listener, event);
      }
    }
  }

  private void report(Bundle bundle, BundleException refusal) {
    LOG.log(System.Logger.Level.WARNING, refusal.getMessage());
    fireFrameworkEvent(FrameworkEvent.ERROR, bundle, refusal);
  }

  /** The thread of the framework must outlive what listeners do. */
  private static void tell(FrameworkListener listener, FrameworkEvent event) {
    try {
      listener.frameworkEvent(event);
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.ERROR, "a listener for the start level failed", e);
    }
  }
}
