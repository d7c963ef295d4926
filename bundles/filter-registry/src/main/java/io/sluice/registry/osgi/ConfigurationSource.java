package io.sluice.registry.osgi;

import io.sluice.registry.ConfiguredDevices;
import io.sluice.registry.SetupStore;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.service.cm.ConfigurationAdmin;
import org.osgi.util.tracker.ServiceTracker;

/** Hands ConfigurationAdmin to the configured devices while it is there. */
final class ConfigurationSource extends ServiceTracker<Object, SetupStore> {
  private static final String SERVICE = "org.osgi.service.cm.ConfigurationAdmin";

  private final ConfiguredDevices devices;

  ConfigurationSource(BundleContext context, ConfiguredDevices devices) {
    super(context, SERVICE, null);
    this.devices = devices;
  }

  @Override
  public SetupStore addingService(ServiceReference<Object> reference) {
    SetupStore store = new AdminStore((ConfigurationAdmin) context.getService(reference));
    devices.open(store);
    return store;
  }

  @Override
  public void removedService(ServiceReference<Object> reference, SetupStore store) {
    devices.close(store);
    context.ungetService(reference);
  }
}
