package io.sluice.nbd.osgi;

import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.SetupStore;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.util.tracker.ServiceTracker;

/** Hands ConfigurationAdmin to the configured exports while it is there. */
final class ConfigurationSource extends ServiceTracker<Object, SetupStore> {
  private static final String SERVICE = "org.osgi.service.cm.ConfigurationAdmin";

  private final ConfiguredExports exports;

  ConfigurationSource(BundleContext context, ConfiguredExports exports) {
    super(context, SERVICE, null);
    this.exports = exports;
  }

  @Override
  public SetupStore addingService(ServiceReference<Object> reference) {
    SetupStore store = new AdminStore((ConfigurationAdmin) context.getService(reference));
    exports.open(store);
    return store;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, SetupStore store) {
    exports.close(store);
    context.ungetService(reference);
  }
}
