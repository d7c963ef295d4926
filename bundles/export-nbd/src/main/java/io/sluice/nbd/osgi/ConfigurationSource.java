package io.sluice.nbd.osgi;

import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.SetupStore;
import java.util.Map;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.cm.ManagedService;
import org.osgi.util.tracker.ServiceTracker;

/** Hands ConfigurationAdmin to the configured exports while it is there. */
final class ConfigurationSource extends ServiceTracker<Object, SetupStore> {
  private static final String SERVICE = "org.osgi.service.cm.ConfigurationAdmin";

  private final ConfiguredExports exports;
  private ServiceRegistration<?> registration;

  ConfigurationSource(BundleContext context, ConfiguredExports exports) {
    super(context, SERVICE, null);
    this.exports = exports;
  }

  @Override
  public SetupStore addingService(ServiceReference<Object> reference) {
    SetupStore store = new AdminStore((ConfigurationAdmin) context.getService(reference));
    exports.open(store);
    // From now on, changes by others, such as in a file.
    ManagedService common =
        properties ->
            exports.configured(properties == null ? null : FrameworkUtil.asMap(properties));
    registration =
        context.registerService(
            ManagedService.class,
            common,
            FrameworkUtil.asDictionary(Map.of(Constants.SERVICE_PID, AdminStore.COMMON_PID)));
    return store;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, SetupStore store) {
    registration.unregister();
    exports.close(store);
    context.ungetService(reference);
  }
}
