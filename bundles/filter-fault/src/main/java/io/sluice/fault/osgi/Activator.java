package io.sluice.fault.osgi;

import io.sluice.block.ErrnoException;
import io.sluice.fault.FaultOperations;
import io.sluice.filter.FilterRegistry;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Registers the filter while a registry is there. The registry has detached it by the time that the
 * bundle stops, or does not let it stop.
 */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final System.Logger LOG = System.getLogger("io.sluice.fault");

  private final FaultOperations operations = new FaultOperations();
  private ServiceTracker<FilterRegistry, FilterRegistry> registries;

  @Override
  public void start(BundleContext context) {
    registries =
        new ServiceTracker<>(context, FilterRegistry.class, null) {
          @Override
          public FilterRegistry addingService(ServiceReference<FilterRegistry> reference) {
            FilterRegistry registry = super.addingService(reference);
            try {
              registry.register(operations);
              return registry;
            } catch (ErrnoException e) {
              LOG.log(System.Logger.Level.ERROR, "not registered: " + e.getMessage());
              context.ungetService(reference);
              return null;
            }
          }

          @Override
          public void removedService(
              ServiceReference<FilterRegistry> reference, FilterRegistry registry) {
            withdraw(registry);
            super.removedService(reference, registry);
          }
        };
    registries.open();
  }

  @Override
  public void stop(BundleContext context) {
    registries.close();
  }

  private void withdraw(FilterRegistry registry) {
    try {
      registry.unregister(operations);
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.ERROR, "stays registered: " + e.getMessage());
    }
  }
}
