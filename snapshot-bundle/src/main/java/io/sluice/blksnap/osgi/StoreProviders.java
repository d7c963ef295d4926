package io.sluice.blksnap.osgi;

import io.sluice.blksnap.diff.StoreSource;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.pin.BundlePins;
import io.sluice.pin.PinException;
import io.sluice.swap.HandOver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/**
 * The providers of difference stores that are there at the moment. One that has a store open is
 * pinned, if the framework has pins; if it has none, the engine is told when the provider stops.
 */
final class StoreProviders implements StoreSource {
  /** Told of a provider that stops, whether anything of it is in use or not. */
  @FunctionalInterface
  interface Departures {
    /**
     * @param bundle for people
     */
    void gone(long bundleId, String bundle);
  }

  /** Opens or takes over a store. */
  @FunctionalInterface
  private interface Opening {
    DiffStore by(DiffStoreProvider provider) throws ErrnoException;
  }

  private final ServiceTracker<DiffStoreProvider, DiffStoreProvider> tracker;
  private final ServiceTracker<BundlePins, BundlePins> pins;
  private volatile Departures departures = (bundleId, bundle) -> {};

  StoreProviders(BundleContext context) {
    pins = new ServiceTracker<>(context, BundlePins.class, null);
    tracker =
        new ServiceTracker<>(context, DiffStoreProvider.class, null) {
          @Override
          public void removedService(
              ServiceReference<DiffStoreProvider> reference, DiffStoreProvider provider) {
            left(reference, context.getBundle(Constants.SYSTEM_BUNDLE_LOCATION));
            super.removedService(reference, provider);
          }
        };
  }

  void open() {
    pins.open();
    tracker.open();
  }

  void close() {
    departures = (bundleId, bundle) -> {};
    tracker.close();
    pins.close();
  }

  void departures(Departures told) {
    departures = told;
  }

  private void left(ServiceReference<DiffStoreProvider> reference, Bundle framework) {
    Bundle bundle = reference.getBundle();
    // At the framework's own end snapshots end in order, and a store's classes stay until then.
    if (bundle != null && framework.getState() != Bundle.STOPPING) {
      departures.gone(bundle.getBundleId(), bundle.getSymbolicName());
    }
  }

  @Override
  public Provided open(String kind, String argument, String user) throws ErrnoException {
    try {
      return provide(kind, find(kind), user, provider -> provider.open(kind, argument));
    } catch (PinException e) {
      throw new ErrnoException(
          Errno.EAGAIN, user + ": " + e.getMessage() + "; try again when that is over", e);
    }
  }

  @Override
  public Provided takeOver(String kind, HandOver handOver, String user, Duration limit)
      throws ErrnoException {
    MonitorWaiting arrival = new MonitorWaiting();
    arrival.limit(limit);
    if (!arrival.until(() -> find(kind).filter(StoreProviders::isUp).isPresent())) {
      throw nobody(kind);
    }
    try {
      return provide(kind, find(kind), user, provider -> provider.takeOver(handOver));
    } catch (PinException e) {
      throw new ErrnoException(Errno.EAGAIN, user + ": " + e.getMessage(), e);
    }
  }

  private static boolean isUp(ServiceReference<DiffStoreProvider> reference) {
    Bundle bundle = reference.getBundle();
    return bundle != null && bundle.getState() == Bundle.ACTIVE;
  }

  private Optional<ServiceReference<DiffStoreProvider>> find(String kind) {
    List<ServiceReference<DiffStoreProvider>> serving = new ArrayList<>();
    tracker
        .getTracked()
        .forEach(
            (reference, provider) -> {
              if (provider.kinds().contains(kind)) {
                serving.add(reference);
              }
            });
    return serving.stream().max(Comparator.naturalOrder()); // by ranking, then age
  }

  private ErrnoException nobody(String kind) {
    TreeSet<String> kinds = new TreeSet<>();
    tracker.getTracked().values().forEach(provider -> kinds.addAll(provider.kinds()));
    return new ErrnoException(
        Errno.EINVAL, "store kind \"" + kind + "\": there are " + kinds + ", as KIND:ARG");
  }

  private Provided provide(
      String kind,
      Optional<ServiceReference<DiffStoreProvider>> reference,
      String user,
      Opening opening)
      throws ErrnoException, PinException {
    DiffStoreProvider provider = reference.map(tracker::getService).orElse(null);
    Bundle bundle = reference.map(ServiceReference::getBundle).orElse(null);
    if (provider == null || bundle == null) {
      throw nobody(kind);
    }
    BundlePins present = pins.getService();
    BundlePins.Pin pin = present == null ? () -> {} : present.pin(bundle.getBundleId(), user);
    boolean done = false;
    try {
      Provided provided =
          new Provided(opening.by(provider), kind, bundle.getBundleId(), pin::close);
      done = true;
      return provided;
    } finally {
      if (!done) {
        pin.close();
      }
    }
  }
}
