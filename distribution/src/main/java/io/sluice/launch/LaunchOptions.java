package io.sluice.launch;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The launcher's command line.
 *
 * @param home the unpacked distribution, absolute
 * @param runDirectory where the sockets live, absolute
 * @param stateDirectory what outlives the agent, absolute
 * @param configuration the properties file, absolute
 * @param overrides framework properties that go before those of the file, in the order given
 * @param readyDescriptor the file descriptor to write {@code ready} to, or -1 for none
 */
record LaunchOptions(
    Path home,
    Path runDirectory,
    Path stateDirectory,
    Path configuration,
    Map<String, String> overrides,
    int readyDescriptor) {

  /** The largest file descriptor that is taken for {@code --ready-fd}. */
  private static final int DESCRIPTOR_MAX = 1023;

  /** Thrown for a command line that can't be understood; the exit code is 2. */
  static final class UsageException extends Exception {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
      super(message);
    }
  }

  /**
   * Reads {@code --home DIR --run-dir DIR [--state-dir DIR] [--conf FILE] [--set KEY=VALUE]...
   * [--ready-fd N]}.
   */
  static LaunchOptions parse(String... arguments) throws UsageException {
    Path home = null;
    Path runDirectory = null;
    Path stateDirectory = null;
    Path configuration = null;
    Map<String, String> overrides = new LinkedHashMap<>();
    int readyDescriptor = -1;
    for (int i = 0; i < arguments.length; i += 2) {
      String option = arguments[i];
      if (i + 1 == arguments.length) {
        throw new UsageException(option + ": unknown option, or its value is missing");
      }
      String value = arguments[i + 1];
      switch (option) {
        case "--home" -> home = Path.of(value).toAbsolutePath().normalize();
        case "--run-dir" -> runDirectory = Path.of(value).toAbsolutePath().normalize();
        case "--state-dir" -> stateDirectory = Path.of(value).toAbsolutePath().normalize();
        case "--conf" -> configuration = Path.of(value).toAbsolutePath().normalize();
        case "--set" -> putOverride(overrides, value);
        case "--ready-fd" -> readyDescriptor = parseDescriptor(value);
        default -> throw new UsageException(option + ": unknown option");
      }
    }
    if (home == null || runDirectory == null) {
      throw new UsageException("--home DIR and --run-dir DIR are needed");
    }
    if (stateDirectory == null) {
      stateDirectory = runDirectory.resolve("state");
    }
    if (configuration == null) {
      configuration = home.resolve("conf").resolve("sluice.properties");
    }
    return new LaunchOptions(
        home, runDirectory, stateDirectory, configuration, Map.copyOf(overrides), readyDescriptor);
  }

  private static void putOverride(Map<String, String> overrides, String value)
      throws UsageException {
    int equals = value.indexOf('=');
    if (equals < 1) {
      throw new UsageException("--set " + value + ": must be KEY=VALUE");
    }
    overrides.put(value.substring(0, equals), value.substring(equals + 1));
  }

  private static int parseDescriptor(String value) throws UsageException {
    try {
      int descriptor = Integer.parseInt(value);
      if (descriptor >= 0 && descriptor <= DESCRIPTOR_MAX) {
        return descriptor;
      }
    } catch (NumberFormatException e) {
      // Reported below, with the numbers out of range.
    }
    throw new UsageException(
        "--ready-fd " + value + ": must be a file descriptor from 0 to " + DESCRIPTOR_MAX);
  }
}
