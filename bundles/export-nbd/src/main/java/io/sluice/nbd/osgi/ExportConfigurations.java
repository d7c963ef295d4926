package io.sluice.nbd.osgi;

import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.SetupStore;
import io.sluice.osgi.ConfigurationSource;
import java.util.Map;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.service.cm.ManagedService;

/** Hands ConfigurationAdmin to the configured exports while it is there. */
final class ExportConfigurations extends ConfigurationSource<SetupStore> {
  private final ConfiguredExports exports;
  private ServiceRegistration<?> registration;

  ExportConfigurations(BundleContext context, ConfiguredExports exports) {
    super(
        context,
        admin -> new AdminStore((ConfigurationAdmin) admin),
        exports::open,
        exports::close);
    this.exports = exports;
  }

  @Override
  public SetupStore addingService(ServiceReference<Object> reference) {
    SetupStore store = super.addingService(reference);
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
    super.removedService(reference, store);
  }
}
