package io.sluice.nbd.osgi;

import io.sluice.nbd.server.SetupStore;
import io.sluice.osgi.FactoryConfigurations;
import java.io.IOException;
import java.util.Dictionary;
import java.util.Map;
import org.osgi.framework.FrameworkUtil;
import org.osgi.service.cm.ConfigurationAdmin;

/** The setups in ConfigurationAdmin: a configuration for each export, and one for all. */
final class AdminStore extends FactoryConfigurations<String> implements SetupStore {
  /** What holds for all exports. */
  static final String COMMON_PID = "io.sluice.export.nbd";

  AdminStore(ConfigurationAdmin admin) {
    super(admin, "io.sluice.export.nbd.name");
  }

  @Override
  public Map<String, Object> readCommon() throws IOException {
    Dictionary<String, Object> properties = admin.getConfiguration(COMMON_PID, "?").getProperties();
    return properties == null ? null : FrameworkUtil.asMap(properties);
  }

  @Override
  public void writeCommon(Map<String, String> options) throws IOException {
    boolean unused =
        admin
            .getConfiguration(COMMON_PID, "?")
            .updateIfDifferent(FrameworkUtil.asDictionary(options));
  }
}
