package io.sluice.nbd.osgi;

import io.sluice.nbd.server.SetupStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Dictionary;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/**
 * The setups in ConfigurationAdmin: one factory configuration of {@link #FACTORY_PID} for each
 * export. Apart from the rest, so that an agent without ConfigurationAdmin never loads its classes.
 */
final class AdminStore implements SetupStore {
  /** The factory of the configurations. */
  static final String FACTORY_PID = "io.sluice.export.nbd.name";

  /** What holds for all exports. */
  static final String COMMON_PID = "io.sluice.export.nbd";

  /** Names like these are the configurations' names too. */
  private static final String PLAIN_NAME = "[A-Za-z0-9_-]{1,40}";

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
  public void write(String export, Map<String, String> properties) throws IOException {
    boolean unused =
        configuration(export).updateIfDifferent(FrameworkUtil.asDictionary(properties));
  }

  @Override
  public void delete(String export) throws IOException {
    configuration(export).delete();
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

  private Configuration configuration(String export) throws IOException {
    return admin.getFactoryConfiguration(FACTORY_PID, configurationName(export), "?");
  }

  /** An export's name may be longer than a file's, and hold anything. */
  private static String configurationName(String export) {
    return export.matches(PLAIN_NAME)
        ? export
        : UUID.nameUUIDFromBytes(export.getBytes(StandardCharsets.UTF_8)).toString();
  }
}
