package io.sluice.diffstore.blockdev.internal.osgi;

import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.diffstore.blockdev.internal.BlockdevDiffStoreProvider;
import io.sluice.linux.OwnMounts;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;

/** Offers {@link BlockdevDiffStoreProvider} as a service. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";

  private ServiceRegistration<DiffStoreProvider> registration;

  @Override
  public void start(BundleContext context) {
    registration =
        context.registerService(
            DiffStoreProvider.class,
            new BlockdevDiffStoreProvider(new OwnMounts(context.getProperty(RUN_DIR_PROPERTY))),
            null);
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
  }
}
