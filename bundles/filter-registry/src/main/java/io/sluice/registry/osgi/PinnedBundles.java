package io.sluice.registry.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginProvider;
import io.sluice.pin.BundlePins;
import io.sluice.pin.PinException;
import io.sluice.registry.Bundles;
import io.sluice.registry.Provider;
import java.util.Map;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Bundles as the engine knows them, pinned by the framework's service if there is one. */
final class PinnedBundles implements Bundles {
  private final BundleContext context;
  private final ServiceTracker<OriginProvider, OriginProvider> origins;
  private final ServiceTracker<BundlePins, BundlePins> pins;

  PinnedBundles(BundleContext context, ServiceTracker<OriginProvider, OriginProvider> origins) {
    this.context = context;
    this.origins = origins;
    this.pins = new ServiceTracker<>(context, BundlePins.class, null);
  }

  void open() {
    pins.open();
  }

  void close() {
    pins.close();
  }

  /** Whether the framework can refuse to stop a bundle in use. */
  boolean canRefuse() {
    return pins.getService() != null;
  }

  @Override
  public Provider registry() {
    return of(context.getBundle());
  }

  @Override
  public Provider of(OriginProvider provider) {
    for (Map.Entry<ServiceReference<OriginProvider>, OriginProvider> tracked :
        origins.getTracked().entrySet()) {
      Bundle bundle = tracked.getKey().getBundle();
      if (tracked.getValue().equals(provider) && bundle != null) {
        return of(bundle);
      }
    }
    // It has just left; who opened it notices when it is asked for again.
    return Provider.NONE;
  }

  Provider of(Bundle bundle) {
    return new BundleProvider(bundle, bundle.getSymbolicName() + " " + bundle.getVersion());
  }

  private final class BundleProvider implements Provider {
    private final Bundle bundle;

    /** As of now: an update gives the bundle another version. */
    private final String label;

    BundleProvider(Bundle bundle, String label) {
      this.bundle = bundle;
      this.label = label;
    }

    @Override
    public long bundleId() {
      return bundle.getBundleId();
    }

    @Override
    public String label() {
      return label;
    }

    @Override
    public BundlePins.Pin pin(String user) throws ErrnoException {
      BundlePins table = pins.getService();
      try {
        if (table != null && bundle.getBundleId() != Constants.SYSTEM_BUNDLE_ID) {
          return table.pin(bundle.getBundleId(), user);
        }
      } catch (PinException e) {
        throw new ErrnoException(Errno.EAGAIN, user + ": " + e.getMessage(), e);
      }
      if ((bundle.getState() & (Bundle.STARTING | Bundle.ACTIVE)) == 0) {
        throw new ErrnoException(
            Errno.EAGAIN, user + ": the bundle " + label + " is not running; start it");
      }
      return () -> {};
    }
  }
}
