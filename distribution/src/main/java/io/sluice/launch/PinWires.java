package io.sluice.launch;

import java.util.ArrayList;
import java.util.List;
import org.apache.felix.framework.GuardedFrameworkFactory;
import org.osgi.framework.Bundle;
import org.osgi.framework.Constants;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleWire;
import org.osgi.framework.wiring.BundleWiring;
import org.osgi.framework.wiring.FrameworkWiring;

/**
 * Checks that all bundles know the framework's own package of pins. One that got the package from
 * elsewhere would find no service of its type, and go on as on a framework that has no pins:
 * nothing would be kept, and nothing would be said.
 */
final class PinWires {
  private PinWires() {}

  /**
   * Resolves the bundles and looks where their pins come from. To be called before any is started.
   *
   * @throws LaunchException if one gets the package from another bundle, or exports a copy
   */
  static void check(Bundle framework, List<Bundle> bundles) throws LaunchException {
    // One that does not resolve is reported with its reason when it is started.
    framework.adapt(FrameworkWiring.class).resolveBundles(bundles);
    List<String> wrong = new ArrayList<>();
    for (Bundle bundle : bundles) {
      BundleWiring wiring = bundle.adapt(BundleWiring.class);
      if (wiring != null) {
        checkImports(wiring, wrong);
        checkExports(wiring, wrong);
      }
    }
    if (!wrong.isEmpty()) {
      throw new LaunchException(
          "EINVAL: bundles in use could be stopped: "
              + String.join("; ", wrong)
              + "; the framework exports this package, and its version must fit what is imported");
    }
  }

  private static void checkImports(BundleWiring wiring, List<String> wrong) {
    for (BundleWire wire : wiring.getRequiredWires(PackageNamespace.PACKAGE_NAMESPACE)) {
      Bundle provider = wire.getProviderWiring().getBundle();
      if (isPins(wire.getCapability()) && provider.getBundleId() != Constants.SYSTEM_BUNDLE_ID) {
        wrong.add(
            wiring.getBundle().getSymbolicName()
                + " gets "
                + GuardedFrameworkFactory.PIN_PACKAGE
                + " from "
                + provider.getSymbolicName());
      }
    }
  }

  private static void checkExports(BundleWiring wiring, List<String> wrong) {
    for (BundleCapability capability : wiring.getCapabilities(PackageNamespace.PACKAGE_NAMESPACE)) {
      if (isPins(capability)) {
        wrong.add(
            wiring.getBundle().getSymbolicName()
                + " exports "
                + GuardedFrameworkFactory.PIN_PACKAGE
                + " itself");
      }
    }
  }

  private static boolean isPins(BundleCapability capability) {
    return GuardedFrameworkFactory.PIN_PACKAGE.equals(
        capability.getAttributes().get(PackageNamespace.PACKAGE_NAMESPACE));
  }
}
