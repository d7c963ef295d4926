package io.sluice.registry.osgi;

import io.sluice.block.OriginProvider;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.registry.ChainRegistry;
import io.sluice.registry.DeviceLocator;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.util.tracker.ServiceTracker;

/** Tracks the providers of origins and publishes the registry and the table of devices. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private ChainRegistry registry;
  private ServiceTracker<OriginProvider, OriginProvider> providers;
  private ServiceRegistration<DeviceTable> tableService;
  private ServiceRegistration<FilterRegistry> registryService;

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
    registry =
        new ChainRegistry(
            this::preferredFirst,
            new ServicePublisher(context),
            new DeviceLocator(Path.of("/sys")),
            ChainRegistry.DRAIN_LIMIT_DEFAULT,
            System::nanoTime);
    providers.open();
    tableService = context.registerService(DeviceTable.class, registry.devices(), null);
    registryService = context.registerService(FilterRegistry.class, registry, null);
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
    registryService.unregister();
    tableService.unregister();
    registry.close();
    providers.close();
  }
}
