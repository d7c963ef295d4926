package io.sluice.registry.osgi;

import io.sluice.registry.SetupStore;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/**
 * The setups in ConfigurationAdmin: one factory configuration of {@link #FACTORY_PID} for each
 * device, under its name. Apart from the rest, so that an agent without ConfigurationAdmin never
 * loads its classes.
 */
final class AdminStore implements SetupStore {
  /** The factory of the configurations. */
  static final String FACTORY_PID = "io.sluice.device";

  private final ConfigurationAdmin admin;

  AdminStore(ConfigurationAdmin admin) {
    this.admin = admin;
  }

  @Override
  public List<Map<String, Object>> read() throws IOException {
    try {
      Configuration[] found = admin.listConfigurations("(service.factoryPid=" + FACTORY_PID + ")");
      return found == null ? List.of() : Arrays.stream(found).map(AdminStore::properties).toList();
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Map<String, Object> properties(Configuration configuration) {
    return FrameworkUtil.asMap(configuration.getProperties());
  }

  @Override
  public void write(String device, Map<String, Object> properties) throws IOException {
    boolean unused =
        configuration(device).updateIfDifferent(FrameworkUtil.asDictionary(properties));
  }

  @Override
  public boolean delete(String device) throws IOException {
    Configuration configuration = configuration(device);
    boolean known = configuration.getProperties() != null;
    configuration.delete();
    return known;
  }

  private Configuration configuration(String device) throws IOException {
    return admin.getFactoryConfiguration(FACTORY_PID, device, "?");
  }
}
