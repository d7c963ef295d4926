package io.sluice.fuse.osgi;

import io.sluice.fuse.mount.SetupStore;
import io.sluice.osgi.FactoryConfigurations;
import org.osgi.service.cm.ConfigurationAdmin;

/** The setups in ConfigurationAdmin: a configuration for each file. */
final class AdminStore extends FactoryConfigurations<String> implements SetupStore {
  AdminStore(ConfigurationAdmin admin) {
    super(admin, "io.sluice.export.fuse.file");
  }
}
