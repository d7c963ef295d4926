package io.sluice.launch;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.osgi.framework.Constants;

/** The framework's properties: the file, the command line, and what the launcher sets itself. */
final class Configuration {
  /** Framework property: the unpacked distribution. */
  static final String HOME = "sluice.home";

  /** Framework property: the run directory. */
  static final String RUN_DIRECTORY = "sluice.run.dir";

  /** Framework property: the directory of what outlives the agent. */
  static final String STATE_DIRECTORY = "sluice.state.dir";

  /** Framework property of ConfigurationAdmin: where its configurations are kept. */
  static final String CONFIGURATION_DIRECTORY = "felix.cm.dir";

  /** Framework property: the product's version. */
  static final String VERSION = "sluice.version";

  /** Framework property: the directory that filters are dropped into while the agent runs. */
  static final String PLUGINS_DIRECTORY = "sluice.plugins.dir";

  /** The same, as File Install knows it. */
  private static final String FILE_INSTALL_DIRECTORY = "felix.fileinstall.dir";

  /** Properties whose name starts so give a bundle's start level, after its symbolic name. */
  static final String LEVEL_PREFIX = "sluice.level.";

  /** The start level of a bundle that the configuration does not name. */
  static final int LEVEL_DEFAULT = 40;

  /** The highest start level, which the framework is started to. */
  static final int LEVEL_MAX = 100;

  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([^}]*)}");

  private final Map<String, String> properties;

  private Configuration(Map<String, String> properties) {
    this.properties = properties;
  }

  /** Reads the file and expands {@code ${...}}, which may name what the launcher sets. */
  static Configuration read(LaunchOptions options, String version) throws LaunchException {
    Map<String, String> fixed = new LinkedHashMap<>();
    fixed.put(HOME, options.home().toString());
    fixed.put(RUN_DIRECTORY, options.runDirectory().toString());
    fixed.put(STATE_DIRECTORY, options.stateDirectory().toString());
    fixed.put(CONFIGURATION_DIRECTORY, options.stateDirectory().resolve("config").toString());
    fixed.put(VERSION, version);
    fixed.put(Constants.FRAMEWORK_STORAGE, options.runDirectory().resolve("framework").toString());
    fixed.put(Constants.FRAMEWORK_STORAGE_CLEAN, Constants.FRAMEWORK_STORAGE_CLEAN_ONFIRSTINIT);
    fixed.put(Constants.FRAMEWORK_BEGINNING_STARTLEVEL, Integer.toString(LEVEL_MAX));

    Map<String, String> given = new TreeMap<>(readFile(options.configuration()));
    given.putAll(options.overrides());
    fixed.put(FILE_INSTALL_DIRECTORY, pluginsDirectory(given, fixed));
    Map<String, String> properties = new HashMap<>();
    for (Map.Entry<String, String> entry : given.entrySet()) {
      if (fixed.containsKey(entry.getKey())) {
        throw new LaunchException(
            "EINVAL: "
                + entry.getKey()
                + " in "
                + options.configuration()
                + " or --set: the launcher sets it itself");
      }
      properties.put(entry.getKey(), expand(entry.getKey(), entry.getValue(), fixed));
    }
    properties.putAll(fixed);
    return new Configuration(properties);
  }

  private static String pluginsDirectory(Map<String, String> given, Map<String, String> fixed)
      throws LaunchException {
    String value = given.getOrDefault(PLUGINS_DIRECTORY, "${" + HOME + "}/plugins");
    String directory = expand(PLUGINS_DIRECTORY, value, fixed);
    // File Install takes a comma for the end of one directory and the start of another.
    if (!Path.of(directory).isAbsolute() || directory.contains(",")) {
      throw new LaunchException(
          "EINVAL: "
              + PLUGINS_DIRECTORY
              + "="
              + value
              + ": must be the absolute path of a directory, without commas");
    }
    return directory;
  }

  /** What the framework is configured with. */
  Map<String, String> frameworkProperties() {
    return Map.copyOf(properties);
  }

  /** The start level of a bundle, from 1 to {@link #LEVEL_MAX}. */
  int startLevel(String symbolicName) throws LaunchException {
    String value = properties.get(LEVEL_PREFIX + symbolicName);
    if (value == null) {
      return LEVEL_DEFAULT;
    }
    try {
      int level = Integer.parseInt(value.strip());
      if (level >= 1 && level <= LEVEL_MAX) {
        return level;
      }
    } catch (NumberFormatException e) {
      // Reported below, with the numbers out of range.
    }
    throw new LaunchException(
        "EINVAL: "
            + LEVEL_PREFIX
            + symbolicName
            + "="
            + value
            + ": must be a start level from 1 to "
            + LEVEL_MAX);
  }

  private static Map<String, String> readFile(Path file) throws LaunchException {
    Properties read = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      read.load(reader);
    } catch (IOException | IllegalArgumentException e) {
      throw new LaunchException("EINVAL: configuration " + file + ": " + Reasons.of(e), e);
    }
    Map<String, String> properties = new HashMap<>();
    read.stringPropertyNames().forEach(name -> properties.put(name, read.getProperty(name)));
    return properties;
  }

  private static String expand(String key, String value, Map<String, String> fixed)
      throws LaunchException {
    Matcher matcher = VARIABLE.matcher(value);
    StringBuilder expanded = new StringBuilder();
    while (matcher.find()) {
      String replacement = fixed.get(matcher.group(1));
      if (replacement == null) {
        throw new LaunchException(
            "EINVAL: "
                + key
                + "="
                + value
                + ": unknown variable "
                + matcher.group()
                + "; there are "
                + fixed.keySet());
      }
      matcher.appendReplacement(expanded, Matcher.quoteReplacement(replacement));
    }
    return matcher.appendTail(expanded).toString();
  }
}
