package io.sluice.fuse.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.Exporter;
import io.sluice.fuse.mount.FuseConfiguration;
import io.sluice.fuse.mount.FuseExporter;
import io.sluice.fuse.mount.FuseExports;
import io.sluice.fuse.mount.SetupStore;
import io.sluice.osgi.ConfigurationSource;
import java.nio.file.Path;
import java.util.Map;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.cm.ConfigurationAdmin;

/** Mounts from the bundle's start to its stop. */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class FuseActivator implements BundleActivator {
  private static final System.Logger LOG = System.getLogger(FuseActivator.class.getPackageName());
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";
  private static final String MOUNT_PROPERTY = "sluice.fuse.mount";
  private static final String ALLOW_OTHER_PROPERTY = "sluice.fuse.allow-other";
  private static final String THREADS_PROPERTY = "sluice.fuse.threads";

  private FuseExports exports;
  private ConfigurationSource<SetupStore> configurations;
  private ShownDevices devices;
  private ServiceRegistration<Exporter> registration;

  @Override
  public void start(BundleContext context) throws Exception {
    exports = new FuseExports(configuration(context));
    try {
      exports.start();
    } catch (ErrnoException e) {
      // The agent serves all else as well.
      LOG.log(System.Logger.Level.WARNING, "devices are not shown as files: " + e.getMessage());
    }
    configurations =
        new ConfigurationSource<>(
            context,
            admin -> new AdminStore((ConfigurationAdmin) admin),
            exports::keepIn,
            exports::keepNoMoreIn);
    configurations.open();
    devices = new ShownDevices(context, exports);
    devices.open();
    registration =
        context.registerService(
            Exporter.class,
            new FuseExporter(exports),
            FrameworkUtil.asDictionary(Map.of("sluice.export.kind", "fuse")));
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
    configurations.close();
    // All mounts at once; with the devices first, each would be waited for in turn.
    exports.close();
    devices.close();
  }

  private static FuseConfiguration configuration(BundleContext context) throws ErrnoException {
    String runDirectory = context.getProperty(RUN_DIR_PROPERTY);
    String mounts = context.getProperty(MOUNT_PROPERTY);
    boolean wanted = mounts == null || Boolean.parseBoolean(mounts.strip());
    return new FuseConfiguration(
        runDirectory == null ? null : Path.of(runDirectory).toAbsolutePath(),
        wanted,
        Boolean.parseBoolean(context.getProperty(ALLOW_OTHER_PROPERTY)),
        threadCount(context.getProperty(THREADS_PROPERTY)));
  }

  private static int threadCount(String property) throws ErrnoException {
    if (property == null) {
      return FuseConfiguration.THREADS_DEFAULT;
    }
    try {
      int count = Integer.parseInt(property.strip());
      if (count >= 1 && count <= FuseConfiguration.THREADS_MAX) {
        return count;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new ErrnoException(
        Errno.EINVAL,
        THREADS_PROPERTY
            + " is \""
            + property
            + "\": give a number from 1 to "
            + FuseConfiguration.THREADS_MAX);
  }
}
