package io.sluice.fuse.osgi;

import io.sluice.fuse.mount.SetupStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/**
 * The setups in ConfigurationAdmin: one factory configuration of {@link #FACTORY_PID} for each
 * file. Apart from the rest, so that an agent without ConfigurationAdmin never loads its classes.
 */
final class AdminStore implements SetupStore {
  /** The factory of the configurations. */
  static final String FACTORY_PID = "io.sluice.export.fuse.file";

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
  public void write(String file, Map<String, String> properties) throws IOException {
    boolean unused = configuration(file).updateIfDifferent(FrameworkUtil.asDictionary(properties));
  }

  @Override
  public void delete(String file) throws IOException {
    configuration(file).delete();
  }

  /** A path is no configuration's name, so its digest is. */
  private Configuration configuration(String file) throws IOException {
    String name = UUID.nameUUIDFromBytes(file.getBytes(StandardCharsets.UTF_8)).toString();
    return admin.getFactoryConfiguration(FACTORY_PID, name, "?");
  }
}
