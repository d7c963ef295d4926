package org.apache.felix.framework;

import io.sluice.pin.BundlePins;
import io.sluice.pin.PinException;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceFactory;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.wiring.BundleWire;
import org.osgi.framework.wiring.BundleWiring;

/**
 * Takes pins for other bundles. Whoever takes one is kept as well: what stands between a device and
 * a filter is in use as much as the filter is.
 */
final class PinService implements ServiceFactory<BundlePins> {
  private final BundleContext system;
  private final PinTable table;

  PinService(BundleContext system, PinTable table) {
    this.system = system;
    this.table = table;
  }

  @Override
  public BundlePins getService(Bundle taker, ServiceRegistration<BundlePins> registration) {
    return (bundleId, user) -> pin(taker, bundleId, user);
  }

  /** Leaves the pins: a bundle may let go of the service and still use what it pinned. */
  @Override
  public void ungetService(
      Bundle taker, ServiceRegistration<BundlePins> registration, BundlePins pins) {}

  private BundlePins.Pin pin(Bundle taker, long bundleId, String user) throws PinException {
    Bundle bundle = system.getBundle(bundleId);
    if (bundle == null) {
      throw new PinException(
          "pin refused: there is no bundle " + bundleId + ", which " + user + " would use");
    }
    // Once these two are kept, their wires can't change any more: whatever rewires them, takes
    // them down.
    PinTable.Use use = table.pin(bundle, user, List.of(bundle, taker));
    try {
      requireRunning(bundle, user);
      table.extend(use, wiredTo(bundle, taker));
    } catch (PinException e) {
      table.release(use);
      throw e;
    }
    return () -> table.release(use);
  }

  private static void requireRunning(Bundle bundle, String user) throws PinException {
    int state = bundle.getState();
    // An activator may attach what it has just registered, so STARTING is as good as ACTIVE.
    if (state != Bundle.ACTIVE && state != Bundle.STARTING) {
      throw PinTable.refused(bundle, user, "it is not active; start it first");
    }
  }

  /** All bundles that these get packages, extenders or anything else from, at any remove. */
  private static Collection<Bundle> wiredTo(Bundle... bundles) {
    Set<BundleWiring> seen = new LinkedHashSet<>();
    Deque<BundleWiring> open = new ArrayDeque<>();
    for (Bundle bundle : bundles) {
      BundleWiring wiring = bundle.adapt(BundleWiring.class);
      if (wiring != null && seen.add(wiring)) {
        open.add(wiring);
      }
    }
    while (!open.isEmpty()) {
      // Null if it is not in use any more; then there is nothing to keep.
      List<BundleWire> wires = open.remove().getRequiredWires(null);
      for (BundleWire wire : wires == null ? List.<BundleWire>of() : wires) {
        BundleWiring provider = wire.getProviderWiring();
        if (provider != null && seen.add(provider)) {
          open.add(provider);
        }
      }
    }
    return seen.stream().map(BundleWiring::getBundle).toList();
  }
}
