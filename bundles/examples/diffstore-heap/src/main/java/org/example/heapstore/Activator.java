package org.example.heapstore;

import io.sluice.diffstore.DiffStoreProvider;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;

/** Offers the provider as a service, which the framework takes back when the bundle stops. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  /** Which part of the agent's heap the stores may take: the rest is the agent's own. */
  private static final int HEAP_DIVISOR = 4;

  @Override
  public void start(BundleContext context) {
    long limitBytes = Runtime.getRuntime().maxMemory() / HEAP_DIVISOR;
    context.registerService(DiffStoreProvider.class, new HeapDiffStoreProvider(limitBytes), null);
  }

  @Override
  public void stop(BundleContext context) {}
}
