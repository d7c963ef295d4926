package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;

/**
 * The filter on one device: marks what a write is about to change, saves the old data if a snapshot
 * is held, and passes the write. Neither step can fail it.
 */
final class TrackedDevice implements Filter {
  private final FilterHost host;
  private final ChangeTracker tracker;
  private final SnapshotEngine engine;

  // The snapshot this device belongs to, from add to destroy. Written under the engine's lock.
  private volatile Snapshot member;
  // The old data since the held snapshot's take. Set with the device frozen; cleared at any time.
  private volatile CowArea held;
  private volatile boolean detached;

  TrackedDevice(FilterHost host, ChangeTracker tracker, SnapshotEngine engine) {
    this.host = host;
    this.tracker = tracker;
    this.engine = engine;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op().modifiesData()) {
      tracker.mark(bio.offsetBytes(), bio.lengthBytes());
      CowArea area = held;
      if (area != null) {
        area.saveBefore(bio.offsetBytes(), bio.lengthBytes(), bio.op() != BioOp.WRITE, next);
      }
    }
    next.submit(bio);
  }

  @Override
  public void checkDetach() throws ErrnoException {
    Snapshot snapshot = member;
    if (snapshot != null) {
      throw new ErrnoException(
          Errno.EBUSY,
          "detach of blksnap from "
              + host.deviceName()
              + ": the device is in snapshot "
              + snapshot.label()
              + "; destroy that first");
    }
  }

  @Override
  public void detach() {
    detached = true;
    Snapshot snapshot = member;
    if (snapshot
        != null) { // the framework left no choice; an image must not read what it can't keep
      snapshot.lose(
          this, new ErrnoException(Errno.ENODEV, "blksnap was detached from " + host.deviceName()));
    }
    engine.forget(this);
  }

  FilterHost host() {
    return host;
  }

  String name() {
    return host.deviceName();
  }

  ChangeTracker tracker() {
    return tracker;
  }

  boolean isDetached() {
    return detached;
  }

  Snapshot member() {
    return member;
  }

  void member(Snapshot snapshot) {
    member = snapshot;
  }

  void held(CowArea area) {
    held = area;
  }
}
