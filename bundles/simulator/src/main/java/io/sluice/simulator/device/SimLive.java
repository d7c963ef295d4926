package io.sluice.simulator.device;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Filter;
import io.sluice.simulator.schedule.SimScheduler;
import io.sluice.simulator.schedule.SimSignal;

/** A live device: gate, at most one filter, disk. */
public final class SimLive {
  /** What the oracle does with a bio before and after it runs, both inside the gate. */
  public interface Watch {
    /** The bio is through the gate. */
    void entered();

    /**
     * The bio is complete, and about to leave the gate.
     *
     * @param failure what it ended with, or null
     */
    void completed(Exception failure);
  }

  final SimDisk disk;
  final SimGate gate;
  final SimSignal unfrozen;
  Filter filter;
  BlockDevice lower;
  boolean frozen;
  boolean aside;
  long attachedSizeBytes;

  SimLive(SimScheduler scheduler, SimDisk disk) {
    this.disk = disk;
    this.gate = new SimGate(scheduler, disk.name());
    this.unfrozen = new SimSignal(scheduler, "the freeze of " + disk.name() + " by another");
  }

  /** The disk below. */
  public SimDisk disk() {
    return disk;
  }

  /** Whether bios are held for a cut, or for a filter that comes or goes. */
  public boolean isFrozen() {
    return frozen;
  }

  /** Whether a filter is attached and sees bios. */
  public boolean isFiltered() {
    return filter != null && !aside;
  }

  /** The disk's length when the filter came, before it asked for anything. */
  public long attachedSizeBytes() {
    return attachedSizeBytes;
  }

  /** Whether a filter is attached, put aside or not. */
  public boolean isAttached() {
    return filter != null;
  }

  /**
   * Serves a bio. What the filter throws beyond {@link ErrnoException} is told to the watch alone:
   * the oracle judges it.
   */
  public void submit(Bio bio, Watch watch) {
    gate.enter();
    try {
      watch.entered();
      Exception failure = null;
      try {
        disk.geometry().check(bio, disk.name());
        if (!isFiltered()) {
          disk.submit(bio);
        } else {
          filter.submit(bio, disk);
        }
      } catch (ErrnoException | RuntimeException e) {
        failure = e;
      }
      watch.completed(failure);
    } finally {
      gate.exit();
    }
  }

  /** Block status as an export would see it. */
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    gate.enter();
    try {
      if (!isFiltered()) {
        disk.status(offsetBytes, lengthBytes, visitor);
      } else {
        filter.status(offsetBytes, lengthBytes, visitor, disk);
      }
    } finally {
      gate.exit();
    }
  }

  /** The disk as a filter's own I/O sees it: gone once the filter has been detached. */
  static final class Lower implements BlockDevice {
    private final SimDisk disk;
    boolean detached;

    Lower(SimDisk disk) {
      this.disk = disk;
    }

    @Override
    public DeviceGeometry geometry() {
      return disk.geometry();
    }

    @Override
    public boolean mayBlock() {
      return disk.mayBlock();
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      check(bio.toString());
      disk.submit(bio);
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
        throws ErrnoException {
      check("block status");
      disk.status(offsetBytes, lengthBytes, visitor);
    }

    private void check(String what) throws ErrnoException {
      if (detached) {
        throw new ErrnoException(Errno.ESHUTDOWN, what + " below a filter that was detached");
      }
    }
  }
}
