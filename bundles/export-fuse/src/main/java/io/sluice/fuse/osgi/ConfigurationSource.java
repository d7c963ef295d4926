package io.sluice.fuse.osgi;

import io.sluice.fuse.mount.FuseExports;
import io.sluice.fuse.mount.SetupStore;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.util.tracker.ServiceTracker;

/** Hands ConfigurationAdmin to the exports while it is there. */
final class ConfigurationSource extends ServiceTracker<Object, SetupStore> {
  private static final String SERVICE = "org.osgi.service.cm.ConfigurationAdmin";

  private final FuseExports exports;

  ConfigurationSource(BundleContext context, FuseExports exports) {
    super(context, SERVICE, null);
    this.exports = exports;
  }

  @Override
  public SetupStore addingService(ServiceReference<Object> reference) {
    SetupStore store = new AdminStore((ConfigurationAdmin) context.getService(reference));
    exports.keepIn(store);
    return store;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, SetupStore store) {
    exports.keepNoMoreIn(store);
    context.ungetService(reference);
  }
}
