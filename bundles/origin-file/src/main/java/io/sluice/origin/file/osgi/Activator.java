package io.sluice.origin.file.osgi;

import io.sluice.block.OriginProvider;
import io.sluice.linux.OwnMounts;
import io.sluice.origin.file.Alarm;
import io.sluice.origin.file.FileOriginProvider;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;

/** Offers {@link FileOriginProvider} as a service. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";

  private ServiceRegistration<OriginProvider> registration;

  @Override
  public void start(BundleContext context) {
    registration =
        context.registerService(
            OriginProvider.class,
            new FileOriginProvider(
                Alarm.ofSystem(), new OwnMounts(context.getProperty(RUN_DIR_PROPERTY))),
            null);
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
  }
}
