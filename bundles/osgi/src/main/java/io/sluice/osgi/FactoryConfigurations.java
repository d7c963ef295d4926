package io.sluice.osgi;

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
 * Setups in ConfigurationAdmin: one configuration of a factory for each. Apart from the rest, so
 * that an agent without ConfigurationAdmin never loads its classes.
 *
 * @param <V> what the properties are when they are written
 */
public abstract class FactoryConfigurations<V> {
  /** Names like these are the configurations' names too. */
  private static final String PLAIN_NAME = "[A-Za-z0-9_-]{1,40}";

  protected final ConfigurationAdmin admin;
  private final String factoryPid;

  protected FactoryConfigurations(ConfigurationAdmin admin, String factoryPid) {
    this.admin = admin;
    this.factoryPid = factoryPid;
  }

  /** All setups. */
  public List<Map<String, Object>> read() throws IOException {
    try {
      Configuration[] found = admin.listConfigurations("(service.factoryPid=" + factoryPid + ")");
      return found == null
          ? List.of()
          : Arrays.stream(found).map(FactoryConfigurations::properties).toList();
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Map<String, Object> properties(Configuration configuration) {
    return FrameworkUtil.asMap(configuration.getProperties());
  }

  /** Keeps a setup, in place of an older one of the name. */
  public void write(String name, Map<String, V> properties) throws IOException {
    boolean unused = configuration(name).updateIfDifferent(FrameworkUtil.asDictionary(properties));
  }

  /** Forgets a setup; says whether it was there. */
  public boolean delete(String name) throws IOException {
    Configuration configuration = configuration(name);
    boolean known = configuration.getProperties() != null;
    configuration.delete();
    return known;
  }

  private Configuration configuration(String name) throws IOException {
    return admin.getFactoryConfiguration(factoryPid, configurationName(name), "?");
  }

  /** A setup's name may be longer than a file's, and hold anything: then its digest is. */
  protected String configurationName(String name) {
    return name.matches(PLAIN_NAME)
        ? name
        : UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8)).toString();
  }
}
