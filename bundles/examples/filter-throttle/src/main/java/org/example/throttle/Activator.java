package org.example.throttle;

import io.sluice.block.ErrnoException;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Registers the filter with the registry while there is one, whichever starts first. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final System.Logger LOG = System.getLogger("org.example.throttle");

  private final FilterOperations operations = new ThrottleOperations();
  private ServiceTracker<FilterRegistry, FilterRegistry> registries;

  @Override
  public void start(BundleContext context) {
    registries =
        new ServiceTracker<>(context, FilterRegistry.class, null) {
          @Override
          public FilterRegistry addingService(ServiceReference<FilterRegistry> reference) {
            FilterRegistry registry = super.addingService(reference);
            attempt(() -> registry.register(operations));
            return registry;
          }

          @Override
          public void removedService(ServiceReference<FilterRegistry> from, FilterRegistry gone) {
            attempt(() -> gone.unregister(operations));
            super.removedService(from, gone);
          }
        };
    registries.open();
  }

  @Override
  public void stop(BundleContext context) {
    registries.close();
  }

  private interface Step {
    void run() throws ErrnoException;
  }

  private static void attempt(Step step) {
    try {
      step.run();
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.ERROR, e.getMessage());
    }
  }
}
