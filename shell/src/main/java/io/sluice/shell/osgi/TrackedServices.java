package io.sluice.shell.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.Exporter;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.shell.tool.Services;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.BundleSwap;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.util.tracker.ServiceTracker;

/** The services of the moment. */
final class TrackedServices implements Services, AutoCloseable {
  private final BundleContext context;
  private final ServiceTracker<DeviceTable, DeviceTable> devices;
  private final ServiceTracker<FilterRegistry, FilterRegistry> filters;
  private final ServiceTracker<SnapshotControl, SnapshotControl> snapshots;
  private final ServiceTracker<ChangeTracking, ChangeTracking> tracking;
  private final ServiceTracker<Exporter, Exporter> exporters;

  private final ServiceTracker<BundleSwap, BundleSwap> swap;

  TrackedServices(BundleContext context) {
    this.context = context;
    devices = open(context, DeviceTable.class);
    filters = open(context, FilterRegistry.class);
    snapshots = open(context, SnapshotControl.class);
    tracking = open(context, ChangeTracking.class);
    exporters = open(context, Exporter.class);
    swap = open(context, BundleSwap.class);
  }

  private static <T> ServiceTracker<T, T> open(BundleContext context, Class<T> type) {
    ServiceTracker<T, T> tracker = new ServiceTracker<>(context, type, null);
    tracker.open();
    return tracker;
  }

  private static <T> T get(ServiceTracker<T, T> tracker, String what, String bundle)
      throws ErrnoException {
    T service = tracker.getService();
    if (service == null) {
      throw new ErrnoException(
          Errno.ENODEV, "no " + what + ": the bundle " + bundle + " is not running; start it");
    }
    return service;
  }

  @Override
  public DeviceTable devices() throws ErrnoException {
    return get(devices, "table of devices", "filter-registry");
  }

  @Override
  public FilterRegistry filters() throws ErrnoException {
    return get(filters, "filter registry", "filter-registry");
  }

  @Override
  public SnapshotControl snapshots() throws ErrnoException {
    return get(snapshots, "snapshots", "snapshot-bundle");
  }

  @Override
  public ChangeTracking tracking() throws ErrnoException {
    return get(tracking, "change tracking", "snapshot-bundle");
  }

  @Override
  public List<Exporter> exporters() {
    // In the order of the services' ids, so that the same one answers first each time.
    return new ArrayList<>(exporters.getTracked().values());
  }

  @Override
  public Optional<BundleSwap> swap() {
    return Optional.ofNullable(swap.getService());
  }

  @Override
  public BundleContext framework() throws ErrnoException {
    try {
      return context.getBundle(Constants.SYSTEM_BUNDLE_LOCATION).getBundleContext();
    } catch (IllegalStateException e) {
      throw new ErrnoException(Errno.ENODEV, "the shell's bundle is stopped", e);
    }
  }

  @Override
  public void close() {
    swap.close();
    exporters.close();
    tracking.close();
    snapshots.close();
    filters.close();
    devices.close();
  }
}
