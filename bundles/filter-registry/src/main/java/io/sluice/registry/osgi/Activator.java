package io.sluice.registry.osgi;

import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.OriginProvider;
import io.sluice.export.ExportInfo;
import io.sluice.export.Exporter;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.osgi.ConfigurationSource;
import io.sluice.registry.ChainRegistry;
import io.sluice.registry.ConfiguredDevices;
import io.sluice.registry.DeviceLocator;
import io.sluice.registry.JournalledDevices;
import io.sluice.registry.RegistryOfBundle;
import io.sluice.registry.SetupStore;
import io.sluice.swap.BundleSwap;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceFactory;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Tracks the providers of origins and publishes the registry, one for each bundle that uses it, the
 * table of devices, and the replacement of bundles.
 */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  /** How long the shutdown of the framework, or the stop of a bundle, waits for us. */
  private static final Duration RELEASE_LIMIT = Duration.ofSeconds(30);

  /** How long a replacement of a bundle may hold bios back. */
  private static final Duration HOLD_LIMIT = Duration.ofSeconds(10);

  /** Framework property: another {@link #HOLD_LIMIT}, in milliseconds. */
  static final String HOLD_LIMIT_PROPERTY = "sluice.swap.hold.limit.ms";

  private static final long HOLD_LIMIT_MAX_MILLIS = 600_000;

  private ChainRegistry registry;
  private ExecutorService notices;
  private PinnedBundles bundles;
  private ConfiguredDevices configured;
  private ConfigurationSource<SetupStore> configurations;
  private BundleWatch watch;
  private BundleReplacement replacement;
  private ServiceTracker<OriginProvider, OriginProvider> providers;
  private ServiceTracker<Exporter, Exporter> exporters;
  private ServiceRegistration<DeviceTable> tableService;
  private ServiceRegistration<FilterRegistry> registryService;
  private ServiceRegistration<BundleSwap> swapService;

  @Override
  public void start(BundleContext context) {
    providers =
        new ServiceTracker<>(context, OriginProvider.class, null) {
          @Override
          public void removedService(
              ServiceReference<OriginProvider> reference, OriginProvider provider) {
            // The provider's code is about to go: its devices must be closed while it is there.
            registry.dropProvider(provider);
            super.removedService(reference, provider);
          }
        };
    exporters = new ServiceTracker<>(context, Exporter.class, null);
    exporters.open();
    bundles = new PinnedBundles(context, providers);
    notices = Executors.newCachedThreadPool(task -> daemon(task, "sluice-notice"));
    registry =
        new ChainRegistry(
            this::preferredFirst,
            bundles,
            new ServicePublisher(context),
            new DeviceLocator(Path.of("/sys"), Path.of("/proc"), this::served),
            ChainRegistry.DRAIN_LIMIT_DEFAULT,
            System::nanoTime,
            notices);
    configured = new ConfiguredDevices(registry);
    watch = new BundleWatch(registry, this::dropOriginsOf, configured::restore, RELEASE_LIMIT);
    context.addBundleListener(watch);
    bundles.open();
    if (!bundles.canRefuse()) {
      LOG.log(
          INFO,
          "{0} {1} can''t refuse to stop a bundle in use: filters are detached when it stops",
          context.getProperty(Constants.FRAMEWORK_VENDOR),
          context.getProperty(Constants.FRAMEWORK_VERSION));
    }
    daemon(registry.watch(), "sluice-watch").start();
    providers.open();
    tableService =
        context.registerService(
            DeviceTable.class, new JournalledDevices(registry.devices(), configured), null);
    registryService =
        context.registerService(FilterRegistry.class, new RegistryForEachBundle(), null);
    replacement =
        new BundleReplacement(
            context, registry, ChainRegistry.DRAIN_LIMIT_DEFAULT, holdLimit(context));
    replacement.open();
    configurations =
        new ConfigurationSource<>(
            context,
            admin -> new AdminStore((ConfigurationAdmin) admin),
            configured::open,
            configured::close);
    configurations.open();
    swapService = context.registerService(BundleSwap.class, replacement, null);
  }

  /** At which addresses live devices are served. */
  private Map<String, String> served() {
    Map<String, String> served = new HashMap<>();
    for (Exporter exporter : exporters.getTracked().values()) {
      for (ExportInfo export : exporter.list()) {
        export.addresses().forEach(address -> served.put(address, export.device()));
      }
    }
    return served;
  }

  private static Duration holdLimit(BundleContext context) {
    String given = context.getProperty(HOLD_LIMIT_PROPERTY);
    if (given == null) {
      return HOLD_LIMIT;
    }
    if (given.matches("[0-9]{1,6}")) {
      long millis = Long.parseLong(given);
      if (millis > 0 && millis <= HOLD_LIMIT_MAX_MILLIS) {
        return Duration.ofMillis(millis);
      }
    }
    LOG.log(
        WARNING,
        "{0}={1} is not from 1 to {2}; it stays at {3} ms",
        HOLD_LIMIT_PROPERTY,
        given,
        HOLD_LIMIT_MAX_MILLIS,
        HOLD_LIMIT.toMillis());
    return HOLD_LIMIT;
  }

  /** So that the registry knows which bundle a filter is from. */
  private final class RegistryForEachBundle implements ServiceFactory<FilterRegistry> {
    @Override
    public FilterRegistry getService(
        Bundle bundle, ServiceRegistration<FilterRegistry> registration) {
      return new RegistryOfBundle(registry, bundles.of(bundle), configured);
    }

    @Override
    public void ungetService(
        Bundle bundle, ServiceRegistration<FilterRegistry> registration, FilterRegistry service) {
      // What it registered stays until it unregisters it, or its bundle stops.
    }
  }

  private void dropOriginsOf(Bundle bundle) {
    providers
        .getTracked()
        .forEach(
            (reference, provider) -> {
              if (bundle.equals(reference.getBundle())) {
                registry.dropProvider(provider);
              }
            });
  }

  private static Thread daemon(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }

  private List<OriginProvider> preferredFirst() {
    SortedMap<ServiceReference<OriginProvider>, OriginProvider> tracked = providers.getTracked();
    // The map has the order of service rankings, the highest first.
    return List.copyOf(Collections.unmodifiableSortedMap(tracked).values());
  }

  /**
   * Takes the services back before the devices: who still has one meets ENODEV or ESHUTDOWN, not an
   * object that is half torn down.
   */
  @Override
  public void stop(BundleContext context) {
    configurations.close();
    swapService.unregister();
    registryService.unregister();
    tableService.unregister();
    registry.close();
    replacement.close();
    registry.watch().close();
    notices.shutdown();
    providers.close();
    exporters.close();
    bundles.close();
    context.removeBundleListener(watch);
  }
}
