package org.apache.felix.framework;

import java.util.HashMap;
import java.util.Map;
import org.osgi.framework.Constants;
import org.osgi.framework.connect.ModuleConnector;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;

/** Makes the agent's framework: Felix with pins. Found by {@link java.util.ServiceLoader}. */
public final class GuardedFrameworkFactory implements FrameworkFactory {
  /** The package of the pins, which the framework exports itself. */
  public static final String PIN_PACKAGE = "io.sluice.pin";

  /** The version that it is exported with. */
  static final String PIN_PACKAGE_VERSION = "1.0.0";

  /** Made by the service loader. */
  public GuardedFrameworkFactory() {}

  /**
   * Makes a framework that is not started.
   *
   * @throws IllegalStateException if the Felix on the class path is one that would not be guarded
   */
  @Override
  public Framework newFramework(Map<String, String> configuration) {
    Map<String, String> guarded =
        configuration == null ? new HashMap<>() : new HashMap<>(configuration);
    guarded.merge(
        Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA,
        PIN_PACKAGE + ";version=" + PIN_PACKAGE_VERSION,
        (given, ours) -> given.isBlank() ? ours : given + "," + ours);
    ModuleConnector none = null;
    return new GuardedFelix(guarded, none);
  }
}
