package io.sluice.simulator.run;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.oracle.TrackingOracle;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** What users of change tracking do, and properties P4 and P5. */
final class TrackingOps {
  private static final int SECTOR = DeviceGeometry.SECTOR_SIZE_BYTES;

  private final World world;

  TrackingOps(World world) {
    this.world = world;
  }

  private ChangeTracking tracking() {
    return world.tracking();
  }

  /** Compares the held map with the log, unless a take or a filter's move makes that void. */
  void check(SimOp spec) {
    World.Device device = world.device(spec.device());
    TrackingOracle oracle = device.tracking;
    int position = oracle.position();
    boolean tracked = device.live.isFiltered();
    int moves = world.filterMoves();
    if (oracle.isCutPending()) {
      return;
    }
    try {
      CbtInfo info = tracking().info(device.disk.name());
      world.scheduler().yieldPoint();
      if (position != oracle.position()) {
        return;
      }
      fail(oracle.position(info.generationId(), info.changesNumber()), spec);
      checkSizes(info, device);
      byte[] floor = oracle.floor(info.blockSizeBytes(), info.blockCount());
      byte[] map = new byte[info.blockCount()];
      int split = info.blockCount() / 2;
      tracking().readMap(device.disk.name(), 0, ByteBuffer.wrap(map, 0, split));
      world.scheduler().yieldPoint();
      tracking()
          .readMap(device.disk.name(), split, ByteBuffer.wrap(map, split, map.length - split));
      int base = spec.variant() % (info.changesNumber() + 1);
      List<SectorRange> ranges =
          tracking().changedSince(device.disk.name(), info.generationId(), base);
      if (position == oracle.position()) {
        byte[] ceiling = oracle.ceiling(info.blockSizeBytes(), info.blockCount());
        fail(oracle.judge(map, floor, ceiling), spec);
        fail(judgeRanges(ranges, base, info, floor, ceiling), spec);
        fail(Backups.judge(device, info, base, ranges), spec);
        noteGrownPart(device, ranges);
        checkBadReads(info, device.disk.name());
      }
    } catch (ErrnoException e) {
      // A take that fell between may have begun another generation.
      boolean begun = e.errno() == Errno.ENODATA && position != oracle.position();
      boolean expected = begun || (!tracked && e.errno() == Errno.ESRCH);
      if (!expected && moves == world.filterMoves()) {
        throw world.fail("P4 tracking: " + spec + " failed", e);
      }
    }
  }

  private void noteGrownPart(World.Device device, List<SectorRange> ranges) {
    long firstSize = (long) world.plan().disks().get(device.disk.index()).cellCount();
    long oldEnd = firstSize * device.disk.cellBytes() / SECTOR;
    if (ranges.stream().anyMatch(range -> range.firstSector() > oldEnd)) {
      world.reach(Reach.CHANGED_IN_THE_GROWN_PART);
    }
  }

  private void fail(String wrong, SimOp spec) {
    if (wrong != null) {
      throw world.fail("P4 tracking: " + spec + ": " + wrong);
    }
  }

  private void checkSizes(CbtInfo info, World.Device device) {
    long size = device.tracking.trackedBytes();
    if (info.capacityBytes() != size
        || (long) info.blockCount() * info.blockSizeBytes() < size
        || (long) (info.blockCount() - 1) * info.blockSizeBytes() >= size) {
      throw world.fail("P4 tracking: " + info + " for " + size + " tracked bytes");
    }
  }

  private String judgeRanges(
      List<SectorRange> ranges, int base, CbtInfo info, byte[] floor, byte[] ceiling) {
    long sectors = (info.capacityBytes() + SECTOR - 1) / SECTOR;
    int perBlock = info.blockSizeBytes() / SECTOR;
    boolean[] changed = new boolean[(int) sectors];
    long last = -1;
    for (SectorRange range : ranges) {
      long end = range.firstSector() + range.sectorCount();
      if (range.firstSector() <= last || range.sectorCount() < 1 || end > sectors) {
        return "ranges since " + base + " are not in order within the device: " + ranges;
      }
      last = end;
      java.util.Arrays.fill(changed, (int) range.firstSector(), (int) end, true);
    }
    for (int sector = 0; sector < sectors; sector++) {
      int block = sector / perBlock;
      if (changed[sector] ? (ceiling[block] & 0xff) <= base : (floor[block] & 0xff) > base) {
        return "sector "
            + sector
            + (changed[sector] ? " is said to have changed since " : " is missing since ")
            + base
            + ": "
            + ranges;
      }
    }
    return null;
  }

  private void checkBadReads(CbtInfo info, String device) {
    refused(
        () -> tracking().readMap(device, info.blockCount(), ByteBuffer.allocate(1)), Errno.ENODATA);
    refused(() -> tracking().readMap(device, -1, ByteBuffer.allocate(1)), Errno.ENODATA);
    refused(
        () -> tracking().changedSince(device, info.generationId(), info.changesNumber() + 1),
        Errno.ENODATA);
  }

  private interface Call {
    void run() throws ErrnoException;
  }

  private void refused(Call call, Errno errno) {
    try {
      call.run();
    } catch (ErrnoException e) {
      if (e.errno() == errno) {
        return;
      }
      throw world.fail("P4 tracking: " + errno + " expected", e);
    }
    throw world.fail("P4 tracking: " + errno + " expected");
  }

  /** The length that tracking goes by: the device's own, if nobody has tracked it yet. */
  private static long sizeBytes(World.Device device) {
    long tracked = device.tracking.trackedBytes();
    return tracked == 0 ? device.disk.bytes().length : tracked;
  }

  private long maxBytes(World.Device device) {
    return (long) world.cellCountMax(device.disk.index()) * device.disk.cellBytes();
  }

  void markDirty(SimOp spec) {
    World.Device device = world.device(spec.device());
    TrackingOracle oracle = device.tracking;
    long sectors = (sizeBytes(device) + SECTOR - 1) / SECTOR;
    long first = Math.min(spec.first(), sectors - 1);
    boolean bad = spec.variant() % 8 == 0;
    List<SectorRange> ranges =
        List.of(
            new SectorRange(first, Math.min(Math.max(1, spec.count()), sectors - first)),
            bad ? new SectorRange(sectors - 1, 2) : new SectorRange(0, 1));
    boolean tracked = device.live.isFiltered();
    int moves = world.filterMoves();
    int position = oracle.position();
    boolean inCut = oracle.isCutPending();
    List<TrackingOracle.Change> changes = new ArrayList<>(ranges.size());
    // A take of the device, grown, may make a good one of it meanwhile.
    boolean mayBeGood = !bad || sectors * SECTOR < maxBytes(device);
    if (mayBeGood) {
      ranges.forEach(
          range ->
              changes.add(
                  oracle.beginBoth(range.firstSector() * SECTOR, range.sectorCount() * SECTOR)));
    }
    world.trace(() -> spec.toString());
    boolean done = false;
    try {
      tracking().markDirty(device.disk.name(), ranges);
      done = true;
      if (bad && position == oracle.position() && !inCut) {
        throw world.fail("P4 tracking: " + ranges + " past the end was marked");
      }
    } catch (ErrnoException e) {
      boolean expected =
          (bad && e.errno() == Errno.EINVAL) || (!tracked && e.errno() == Errno.ESRCH);
      if (tracked && e.errno() == Errno.ESRCH && moves == world.filterMoves()) {
        device.saidToLeave = true; // and has not left yet
      } else if (!expected && moves == world.filterMoves()) {
        throw world.fail("P4 tracking: " + spec + " failed", e);
      }
    }
    boolean marked = done;
    changes.forEach(change -> change.end(marked));
  }

  void attach(SimOp spec) {
    World.Device device = world.device(spec.device());
    boolean before = device.live.isAttached();
    int moves = world.filterMoves();
    try {
      world.registry().attach(AttachRequest.of(device.disk.name(), ChangeTracking.FILTER_NAME));
    } catch (ErrnoException e) {
      if (e.errno() != Errno.EALREADY || (!before && moves == world.filterMoves())) {
        throw world.fail("P5 attach: " + spec + " failed", e);
      }
    }
  }

  void detach(SimOp spec) {
    World.Device device = world.device(spec.device());
    boolean before = device.live.isAttached();
    SnapshotOracle user = userOf(spec.device());
    boolean settled = user != null && isSettled(user) && !user.part(spec.device()).pending;
    boolean wasFree = settled && user.part(spec.device()).mayBeDetached;
    int moves = world.filterMoves();
    try {
      world.registry().detach(device.disk.name(), ChangeTracking.FILTER_NAME);
      if (settled && userOf(spec.device()) == user && isSettled(user) && !wasFree) {
        throw world.fail("P5 detach: " + spec + " took the filter from a snapshot");
      }
    } catch (ErrnoException e) {
      boolean expected =
          (e.errno() == Errno.EBUSY && (user != null || userOf(spec.device()) != null))
              || (e.errno() == Errno.ENOENT && !before)
              || moves != world.filterMoves();
      if (!expected) {
        throw world.fail("P5 detach: " + spec + " failed", e);
      }
      if (e.errno() == Errno.EBUSY) {
        world.reach(Reach.DETACH_REFUSED);
      }
    }
  }

  private static boolean isSettled(SnapshotOracle slot) {
    return slot.state != SnapshotOracle.State.CREATING
        && slot.state != SnapshotOracle.State.DESTROYING;
  }

  private SnapshotOracle userOf(int device) {
    for (SnapshotOracle slot : world.slots()) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(device);
      if (part != null && !part.detached) {
        return slot;
      }
    }
    return null;
  }
}
