package io.sluice.registry.osgi;

import io.sluice.osgi.FactoryConfigurations;
import io.sluice.registry.SetupStore;
import org.osgi.service.cm.ConfigurationAdmin;

/** The setups in ConfigurationAdmin: a configuration for each device, under its name. */
final class AdminStore extends FactoryConfigurations<Object> implements SetupStore {
  AdminStore(ConfigurationAdmin admin) {
    super(admin, "io.sluice.device");
  }

  @Override
  protected String configurationName(String device) {
    return device;
  }
}
