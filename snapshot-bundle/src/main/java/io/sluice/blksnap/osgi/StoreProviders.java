package io.sluice.blksnap.osgi;

import io.sluice.blksnap.session.EngineEdges;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStoreProvider;
import java.util.TreeSet;
import org.osgi.framework.BundleContext;
import org.osgi.util.tracker.ServiceTracker;

/** The providers of difference stores that are there at the moment. */
final class StoreProviders implements EngineEdges.StoreKinds {
  private final ServiceTracker<DiffStoreProvider, DiffStoreProvider> tracker;

  StoreProviders(BundleContext context) {
    tracker = new ServiceTracker<>(context, DiffStoreProvider.class, null);
  }

  void open() {
    tracker.open();
  }

  void close() {
    tracker.close();
  }

  @Override
  public DiffStoreProvider provider(String kind) throws ErrnoException {
    TreeSet<String> kinds = new TreeSet<>();
    for (DiffStoreProvider provider : tracker.getServices(new DiffStoreProvider[0])) {
      if (provider.kinds().contains(kind)) {
        return provider;
      }
      kinds.addAll(provider.kinds());
    }
    throw new ErrnoException(
        Errno.EINVAL, "store kind \"" + kind + "\": there are " + kinds + ", as KIND:ARG");
  }
}
