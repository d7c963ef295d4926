package io.sluice.shell.tool;

import io.sluice.block.ErrnoException;
import io.sluice.export.Exporter;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.BundleSwap;
import java.util.List;
import java.util.Optional;
import org.osgi.framework.BundleContext;

/**
 * What commands work on. Looked up at each call, so that a bundle may come, go and be updated under
 * a running shell; each method throws ENODEV, naming the bundle to start, while its service is
 * missing.
 */
public interface Services {
  /** The live devices. */
  DeviceTable devices() throws ErrnoException;

  /** The filters and their chains. */
  FilterRegistry filters() throws ErrnoException;

  /** The snapshots. */
  SnapshotControl snapshots() throws ErrnoException;

  /** Change tracking. */
  ChangeTracking tracking() throws ErrnoException;

  /** All exporters there are; may be empty. */
  List<Exporter> exporters();

  /** What replaces bundles in use, if it is there. */
  Optional<BundleSwap> swap();

  /**
   * The context of the framework's system bundle.
   *
   * @throws ErrnoException ENODEV if the framework is stopping
   */
  BundleContext framework() throws ErrnoException;
}
