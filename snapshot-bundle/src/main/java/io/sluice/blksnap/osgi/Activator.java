package io.sluice.blksnap.osgi;

import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.blksnap.diff.BatchBuffers;
import io.sluice.blksnap.session.EngineEdges;
import io.sluice.blksnap.session.ImagePublisher;
import io.sluice.blksnap.session.SnapshotEngine;
import io.sluice.blksnap.session.TrackingStates;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.DeviceViews;
import io.sluice.block.ErrnoException;
import io.sluice.export.Exporter;
import io.sluice.filter.FilterRegistry;
import io.sluice.linux.MountPoint;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.ProviderUser;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.osgi.annotation.bundle.Header;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.ServiceRegistration;
import org.osgi.util.tracker.ServiceTracker;

/**
 * Runs the engine while a filter registry is there: registers the filter with it, and offers
 * control of snapshots and tracking as services. When the registry leaves, or this bundle stops,
 * snapshots are destroyed and the filter detached from every device.
 */
@Header(name = Constants.BUNDLE_ACTIVATOR, value = "${@class}")
public final class Activator implements BundleActivator {
  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");

  /** Copies in flight at most: 8 MiB of direct memory. */
  private static final int COPY_BUFFER_COUNT = 32;

  /** First writes to chunks of images at once: 2 MiB more. */
  private static final int IMAGE_BUFFER_COUNT = 8;

  /** Framework property: the directory of what outlives the agent; without it nothing does. */
  private static final String STATE_DIRECTORY_PROPERTY = "sluice.state.dir";

  /** Saved chunks on their way to stores: at most 128 MiB for 256 stores, if all are in use. */
  private static final int BATCH_COUNT = 512;

  private static final int BATCH_BYTES = 256 << 10;

  private static final Duration DRAIN_LIMIT = Duration.ofSeconds(10);

  /** How long a take waits for file systems to freeze. */
  private static final Duration FREEZE_LIMIT = Duration.ofSeconds(10);

  /** After it a file system is thawed, whatever has become of the take: longer than any goes on. */
  private static final Duration FROZEN_LIMIT = Duration.ofSeconds(60);

  private ExecutorService background;
  private StoreProviders stores;
  private ServiceTracker<Exporter, Exporter> exporters;
  private ServiceTracker<FilterRegistry, Running> registries;

  @Override
  public void start(BundleContext context) {
    // A thread for each store that is written or grows: one that hangs holds up no other.
    background =
        new ThreadPoolExecutor(
            0,
            Integer.MAX_VALUE,
            10,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            task -> new Thread(task, "sluice-store"));
    stores = new StoreProviders(context);
    stores.open();
    exporters = new ServiceTracker<>(context, Exporter.class, null);
    exporters.open();
    MountFinder mounts = new MountFinder(() -> exporters.getTracked().values());
    registries =
        new ServiceTracker<>(context, FilterRegistry.class, null) {
          @Override
          public Running addingService(ServiceReference<FilterRegistry> reference) {
            return Running.start(
                context, context.getService(reference), stores, mounts, background);
          }

          @Override
          public void removedService(ServiceReference<FilterRegistry> reference, Running running) {
            running.stop();
            context.ungetService(reference);
          }
        };
    registries.open();
  }

  @Override
  public void stop(BundleContext context) {
    registries.close();
    stores.close();
    exporters.close();
    background.shutdown();
  }

  /** The engine on one registry. */
  private static final class Running {
    private final FilterRegistry registry;
    private final SnapshotEngine engine;
    private final StoreProviders stores;
    private ServiceRegistration<?> services;
    private ServiceRegistration<?> storeSwap;
    private ServiceRegistration<?> views;

    private Running(FilterRegistry registry, SnapshotEngine engine, StoreProviders stores) {
      this.registry = registry;
      this.engine = engine;
      this.stores = stores;
    }

    static Running start(
        BundleContext context,
        FilterRegistry registry,
        StoreProviders stores,
        MountFinder mounts,
        ExecutorService background) {
      SnapshotEngine engine =
          new SnapshotEngine(
              new EngineEdges(
                  registry,
                  stores,
                  EngineLock::new,
                  MonitorWaiting::new,
                  states(context),
                  background,
                  InstantSource.system(),
                  UUID::randomUUID,
                  publisher(context),
                  new CopyBuffers(COPY_BUFFER_COUNT),
                  new CopyBuffers(IMAGE_BUFFER_COUNT),
                  new BatchBuffers(BATCH_COUNT, BATCH_BYTES),
                  ParameterProperties.copyLimit(context::getProperty),
                  new FileSystemFreezer(
                      path -> MountPoint.open(Path.of(path)), mounts, FREEZE_LIMIT, FROZEN_LIMIT),
                  DRAIN_LIMIT,
                  line -> LOG.log(System.Logger.Level.WARNING, line)),
              ParameterProperties.read(context::getProperty));
      Running running = new Running(registry, engine, stores);
      try {
        registry.register(engine.operations());
      } catch (ErrnoException e) {
        LOG.log(System.Logger.Level.ERROR, "blksnap can't be registered: " + e.getMessage());
        return running;
      }
      stores.departures(engine.storeSwap()::providerGone);
      running.storeSwap = context.registerService(ProviderUser.class, engine.storeSwap(), null);
      running.views = context.registerService(DeviceViews.class, engine.views(), null);
      running.services =
          context.registerService(
              new String[] {SnapshotControl.class.getName(), ChangeTracking.class.getName()},
              engine,
              null);
      return running;
    }

    private static TrackingStates states(BundleContext context) {
      String directory = context.getProperty(STATE_DIRECTORY_PROPERTY);
      return directory == null
          ? TrackingStates.NONE
          : new StateDirectory(Path.of(directory).resolve("cbt"));
    }

    private static ImagePublisher publisher(BundleContext context) {
      return (name, description, image) -> {
        Map<String, Object> properties =
            Map.of(
                BlockDevice.NAME_PROPERTY, name,
                BlockDevice.ROLE_PROPERTY, DeviceRole.IMAGE.property(),
                BlockDevice.DESCRIPTION_PROPERTY, description);
        return context.registerService(
                BlockDevice.class, image, FrameworkUtil.asDictionary(properties))
            ::unregister;
      };
    }

    void stop() {
      if (services == null) {
        return;
      }
      services.unregister();
      views.unregister();
      storeSwap.unregister();
      engine.destroyAll();
      stores.departures((bundleId, bundle) -> {});
      for (String device : engine.trackedDevices()) {
        try {
          registry.detach(device, ChangeTracking.FILTER_NAME);
        } catch (ErrnoException e) {
          LOG.log(System.Logger.Level.ERROR, "blksnap stays attached: " + e.getMessage());
        }
      }
      try {
        registry.unregister(engine.operations());
      } catch (ErrnoException e) {
        LOG.log(System.Logger.Level.ERROR, "blksnap stays registered: " + e.getMessage());
      }
    }
  }
}
