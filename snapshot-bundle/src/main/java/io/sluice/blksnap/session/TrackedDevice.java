package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.cow.CowChain;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The filter on one device: marks what a write is about to change, saves the old data if a snapshot
 * is held, and passes the write. Neither step can fail it.
 */
final class TrackedDevice implements Filter {
  private final FilterHost host;
  private final ChangeTracker tracker;
  private final Consumer<TrackedDevice> leaving;
  private final Consumer<TrackedDevice> left;

  private final CowChain chain;

  // The snapshots this device belongs to, from add to destroy. Written under the engine's lock.
  private volatile List<Snapshot> members = List.of();
  // Why writes may pass unseen from now on, or null.
  private volatile String aside;

  /**
   * @param chain the old data of held snapshots; none yet
   * @param leaving told when the filter is being detached and has seen every write
   * @param left told when the filter has been detached
   */
  TrackedDevice(
      FilterHost host,
      ChangeTracker tracker,
      CowChain chain,
      Consumer<TrackedDevice> leaving,
      Consumer<TrackedDevice> left) {
    this.host = host;
    this.tracker = tracker;
    this.chain = chain;
    this.leaving = leaving;
    this.left = left;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op().modifiesData()) {
      prepare(bio, next);
    }
    next.submit(bio);
  }

  private void prepare(Bio bio, BlockDevice next) {
    try {
      tracker.mark(bio.offsetBytes(), bio.lengthBytes());
      chain.saveBefore(bio.offsetBytes(), bio.lengthBytes(), bio.op() != BioOp.WRITE, next);
    } catch (RuntimeException | Error e) { // whatever it is, the write passes, and is not failed
      tracker.gap();
      chain.corrupt(Errno.EFAULT, e);
    }
  }

  @Override
  public void checkDetach() throws ErrnoException {
    List<Snapshot> holding = members;
    if (!holding.isEmpty() && aside == null) {
      throw new ErrnoException(
          Errno.EBUSY,
          "detach of blksnap from "
              + host.deviceName()
              + ": the device is in snapshot "
              + holding.stream().map(Snapshot::label).collect(Collectors.joining(" and "))
              + "; destroy that first");
    }
  }

  @Override
  public void quarantined(String fault) {
    putAside(Errno.EFAULT, "blksnap was put aside: " + fault);
  }

  @Override
  public void deviceLost(String reason) {
    putAside(Errno.ENODEV, "the device is lost: " + reason);
  }

  @Override
  public void detach() {
    if (aside == null) {
      leaving.accept(this);
    }
    // With an image held the framework left no choice: it must not read what it can't keep.
    putAside(Errno.ENODEV, "blksnap was detached");
    left.accept(this);
  }

  private void putAside(Errno errno, String why) {
    aside = why; // first: a take looks at it after it has set what is held
    tracker.gap();
    chain.corrupt(errno, new ErrnoException(errno, host.deviceName() + ": " + why));
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

  /** Why the filter sees writes no more, for good; or null. */
  String aside() {
    return aside;
  }

  List<Snapshot> members() {
    return members;
  }

  void join(Snapshot snapshot) {
    List<Snapshot> more = new ArrayList<>(members);
    more.add(snapshot);
    members = List.copyOf(more);
  }

  void leave(Snapshot snapshot) {
    members = members.stream().filter(member -> member != snapshot).toList();
  }

  CowChain chain() {
    return chain;
  }

  /**
   * A take: what is written from now on is saved in this area; the device is frozen.
   *
   * @param idle see {@link CowChain#begin}
   */
  void begin(CowArea area, List<CowArea> idle) {
    chain.begin(area, idle);
    String why = aside;
    if (why != null) { // it was put aside beside the take
      area.corrupt(new ErrnoException(Errno.ENODEV, host.deviceName() + ": " + why));
    }
  }
}
