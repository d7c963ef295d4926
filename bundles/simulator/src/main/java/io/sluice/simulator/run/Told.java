package io.sluice.simulator.run;

import io.sluice.simulator.device.FaultListener;
import io.sluice.simulator.device.FaultSite;
import io.sluice.simulator.device.IoRecord;
import io.sluice.simulator.device.SimDiffStore;
import io.sluice.simulator.device.SimDisk;
import io.sluice.simulator.device.SimLive;
import io.sluice.simulator.device.SimRegistry;
import io.sluice.simulator.oracle.SnapshotOracle;
import java.util.List;

/** What the devices of a run tell, taken down for the oracles. */
final class Told implements FaultListener, SimRegistry.CutListener {
  private final World world;

  Told(World world) {
    this.world = world;
  }

  @Override
  public void frozen(List<SimLive> frozen) {
    SnapshotOracle taking = takingNow();
    if (taking == null) {
      return; // the engine may hold devices for other ends
    }
    taking.order = world.nextTake();
    world.stores().taken(taking);
    for (SimLive live : frozen) {
      World.Device device = world.devices().get(live.disk().index());
      SnapshotOracle.Part part = taking.part(live.disk().index());
      if (part == null) {
        throw world.fail("P6 cut: " + live.disk().name() + " is held for a take it is no part of");
      }
      world.checkDisk(device, "at the cut");
      if (part.atTake != null) {
        device.tracking.cutUndone(); // the engine tries the cut again
        if (part.atTake.length < device.disk.bytes().length) {
          world.reach(Reach.GROWN_IN_A_TAKE);
        }
        device.lossy = true;
      } else {
        device.takeBefore = device.lastTake;
      }
      part.atTake = device.disk.bytes().clone();
      part.touchedCells.clear();
      part.firstTouchedCells.clear();
      part.writtenCells.clear();
      device.lastTake = taking.order;
      device.takes.add(taking.order);
      device.lossy |= taking.mayOverflow();
      if (live.isFiltered()) {
        device.tracking.cut(part.atTake.length);
        part.positionAtCut = device.tracking.position();
      }
    }
    world.trace(() -> "cut of " + frozen.stream().map(live -> live.disk().name()).toList());
  }

  private SnapshotOracle takingNow() {
    return world.scheduler().current().attachment() instanceof ControlRecord record
        ? record.taking
        : null;
  }

  @Override
  public void thawing(int waiterCount) {
    if (waiterCount > 0 && takingNow() != null) {
      world.reach(Reach.TAKE_DURING_WRITE);
    }
  }

  @Override
  public void filterChanged(SimLive device) {
    world.filterMoved();
    noteFilter(device, world.devices().get(device.disk().index()));
    for (SnapshotOracle slot : world.slots()) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(device.disk().index());
      if (part != null && !device.isFiltered()) {
        boolean adding = part.pending || slot.state == SnapshotOracle.State.CREATING;
        part.detached |= !adding;
        part.mayBeDetached = true;
        part.excused = true;
      }
    }
    world.trace(() -> "filter " + (device.isFiltered() ? "on " : "off ") + device.disk().name());
  }

  private void noteFilter(SimLive live, World.Device device) {
    if (live.isFiltered()) {
      world.states().came(device);
    } else if (live.isAttached()) {
      device.tracking.filterChanged(); // it was put aside
    } else {
      world.states().left(device);
    }
  }

  @Override
  public void copyReadFailed(SimDisk disk) {
    world.devices().get(disk.index()).lossy = true;
    for (SnapshotOracle slot : world.slots()) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(disk.index());
      if (part != null) {
        part.lostByOrigin |= !part.excused;
        part.excused = true;
      }
    }
    world.trace(() -> "fault: read of " + disk.name());
  }

  @Override
  public void storeCalled() {
    world.stores().awaitAnswer();
  }

  @Override
  public void storeFailed(SimDiffStore store, FaultSite site, IoRecord record) {
    if (site == FaultSite.STORE_GROW) {
      world.reach(Reach.GROWTH_FAILED);
    }
    for (SnapshotOracle slot : world.slots()) {
      if (slot == null || slot.store(store.name()) == null) {
        continue;
      }
      slot.storeLost |= site == FaultSite.STORE_TAKE_OVER;
      if (!slot.changers.contains(world.scheduler().current())) {
        SnapshotOracle.Part part = record == null ? null : slot.part(record.device);
        if (part == null || site == FaultSite.STORE_GROW) {
          slot.excuseAll();
        } else {
          part.excused = true;
        }
      }
    }
    world.devices().forEach(device -> device.lossy = true);
    if (site == FaultSite.STORE_TAKE_OVER) {
      world.stores().excuseThoseWhoNeed(store);
    }
    world.trace(() -> "fault: " + site + " of " + store.name());
  }
}
