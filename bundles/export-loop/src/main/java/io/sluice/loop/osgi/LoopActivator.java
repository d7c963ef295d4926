package io.sluice.loop.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.Exporter;
import io.sluice.linux.ProcessMemory;
import io.sluice.loop.attach.LinuxLoops;
import io.sluice.loop.attach.LoopExports;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Offers loop devices from the bundle's start to its stop. It starts before the exporter of files:
 * what a killed agent left is detached while the dead mount still has its name.
 */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class LoopActivator implements BundleActivator {
  private static final String RUN_DIR_PROPERTY = "sluice.run.dir";
  private static final System.Logger LOG = System.getLogger("io.sluice.loop");

  /** Framework property: {@code false} leaves the agent's memory as it is. */
  private static final String LOCK_MEMORY_PROPERTY = "sluice.loop.lock-memory";

  private static final String FILES_KIND = "fuse";

  /** Below the run directory: where the exporter of files is mounted. */
  private static final String SERVED_DIRECTORY = "fuse";

  private LoopExports exports;
  private ServiceTracker<Exporter, Exporter> exporters;
  private ServiceTracker<BlockDevice, BlockDevice> devices;
  private ServiceRegistration<Exporter> registration;

  @Override
  public void start(BundleContext context) {
    boolean locks = !"false".equals(context.getProperty(LOCK_MEMORY_PROPERTY));
    exports =
        new LoopExports(
            new LinuxLoops(), this::fileOf, locks ? LoopActivator::lockMemory : () -> {});
    detachLeft(context.getProperty(RUN_DIR_PROPERTY));
    exporters = new FilesTracker(context);
    exporters.open();
    devices = new DeviceTracker(context);
    devices.open();
    registration =
        context.registerService(
            Exporter.class,
            exports,
            FrameworkUtil.asDictionary(Map.of("sluice.export.kind", exports.kind())));
  }

  @Override
  public void stop(BundleContext context) {
    registration.unregister();
    exports.detachAll();
    devices.close();
    exporters.close();
  }

  /** Writing dirty pages back, the kernel waits for this process: it must not be paged out then. */
  private static void lockMemory() {
    try {
      ProcessMemory.lock();
      LOG.log(System.Logger.Level.INFO, "the agent''s memory is locked");
    } catch (ErrnoException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "the agent''s memory is not locked, so that a machine short of memory may hang on its loop"
              + " devices: {0}",
          e.getMessage());
    }
  }

  private void detachLeft(String runDirectory) {
    if (runDirectory == null) {
      return;
    }
    Path directory = Path.of(runDirectory).toAbsolutePath();
    try {
      directory = directory.toRealPath();
    } catch (IOException e) {
      return; // it is to be made yet, so nobody has served from it
    }
    exports.detachLeft(directory.resolve(SERVED_DIRECTORY));
  }

  private Optional<Path> fileOf(String device) {
    for (Exporter exporter : exporters.getTracked().values()) {
      for (ExportInfo export : exporter.list()) {
        if (export.device().equals(device) && !export.addresses().isEmpty()) {
          return Optional.of(file(export.addresses().get(0)));
        }
      }
    }
    return Optional.empty();
  }

  private static Path file(String address) {
    return address.startsWith("file:") ? Path.of(URI.create(address)) : Path.of(address);
  }

  /** The exporters of files. When one goes, nothing is left behind the loop devices. */
  private final class FilesTracker extends ServiceTracker<Exporter, Exporter> {
    FilesTracker(BundleContext context) {
      super(context, Exporter.class, null);
    }

    @Override
    public Exporter addingService(ServiceReference<Exporter> reference) {
      Exporter exporter = super.addingService(reference);
      if (exporter != null && exporter.kind().equals(FILES_KIND)) {
        return exporter;
      }
      context.ungetService(reference);
      return null;
    }

    @Override
    public void removedService(ServiceReference<Exporter> reference, Exporter exporter) {
      exports.detachAll();
      super.removedService(reference, exporter);
    }
  }

  /** Live devices and images. */
  private final class DeviceTracker extends ServiceTracker<BlockDevice, BlockDevice> {
    DeviceTracker(BundleContext context) {
      super(context, BlockDevice.class, null);
    }

    @Override
    public BlockDevice addingService(ServiceReference<BlockDevice> reference) {
      Object role = reference.getProperty(BlockDevice.ROLE_PROPERTY);
      if (!DeviceRole.LIVE.property().equals(role) && !DeviceRole.IMAGE.property().equals(role)) {
        return null;
      }
      BlockDevice device = super.addingService(reference);
      if (device != null) {
        exports.deviceCame(name(reference), device);
      }
      return device;
    }

    @Override
    public void removedService(ServiceReference<BlockDevice> reference, BlockDevice device) {
      exports.deviceWent(name(reference), device);
      super.removedService(reference, device);
    }

    private static String name(ServiceReference<BlockDevice> reference) {
      return String.valueOf(reference.getProperty(BlockDevice.NAME_PROPERTY));
    }
  }
}
