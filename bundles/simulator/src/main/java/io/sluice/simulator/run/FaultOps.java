package io.sluice.simulator.run;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.swap.ProviderUser.Suspended;
import java.time.Duration;
import java.util.List;

/** What happens to a device, a filter or a provider from outside. */
final class FaultOps {
  private static final Duration LIMIT = Duration.ofSeconds(1);
  private static final int STEPS_MAX = 40;

  private final World world;
  private boolean swapping;

  FaultOps(World world) {
    this.world = world;
  }

  /** The filter is put aside; later it may be detached and attached again. */
  void putAside(SimOp spec) {
    World.Device device = world.device(spec.device());
    if (!device.live.isFiltered()) {
      return;
    }
    world.trace(() -> "start " + spec);
    if (holds(spec.device())) {
      world.reach(Reach.PUT_ASIDE_HELD);
    }
    device.disturbed = true;
    world.registry().putAside(device.live);
    checkGivenUp(spec);
    if (spec.variant() % 4 != 0) {
      detach(spec);
    }
  }

  /** The device fails for a while, is removed, and comes back as another. */
  void loseDevice(SimOp spec) {
    World.Device device = world.device(spec.device());
    world.trace(() -> "start " + spec);
    if (holds(spec.device())) {
      world.reach(Reach.LOST_HELD);
    }
    device.disturbed = true;
    world.registry().lose(device.live);
    checkGivenUp(spec);
    pause(spec.variant());
    detach(spec);
    device.disk.lost(false);
  }

  /** The device becomes longer: its storage was enlarged, and nobody is asked. */
  void grow(SimOp spec) {
    World.Device device = world.device(spec.device());
    world.scheduler().yieldPoint();
    int before = device.disk.cellCount();
    int cells = Math.min(before + spec.count(), world.cellCountMax(spec.device()));
    if (cells == before) {
      return;
    }
    device.disk.grow(cells);
    device.model.grow(cells);
    world.trace(() -> spec + ": from " + before + " to " + cells + " blocks");
    if (holds(spec.device())) {
      world.reach(Reach.GROWN_UNDER_A_SNAPSHOT);
    }
    if (!device.inFlight.isEmpty()) {
      world.reach(Reach.GROWN_BESIDE_A_WRITE);
    }
  }

  private boolean holds(int device) {
    for (SnapshotOracle slot : world.slots()) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(device);
      if (part != null && part.image != null && slot.state == SnapshotOracle.State.TAKEN) {
        return true;
      }
    }
    return false;
  }

  /** P2, P5: no image, and no generation, of a device whose writes go past the filter. */
  private void checkGivenUp(SimOp spec) {
    World.Device device = world.device(spec.device());
    if (!device.live.isAttached() || device.live.isFiltered()) {
      return; // somebody else came or went meanwhile
    }
    int moves = world.filterMoves();
    for (SnapshotOracle slot : world.slots()) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(spec.device());
      if (part == null || part.image == null || slot.state != SnapshotOracle.State.TAKEN) {
        continue;
      }
      try {
        for (SnapshotDeviceInfo info : world.control().info(slot.id).devices()) {
          if (info.device().equals(device.disk.name()) && info.errorCode() == 0) {
            throw world.fail("P2 image: " + spec + ": its image is not given up: " + info);
          }
        }
      } catch (ErrnoException e) {
        world.trace(() -> "destroyed meanwhile: " + e.getMessage());
      }
    }
    try {
      world.tracking().info(device.disk.name());
      if (moves == world.filterMoves()) {
        throw world.fail("P5 generation: " + spec + ": it goes on");
      }
    } catch (ErrnoException e) {
      world.trace(() -> "tracked no more: " + e.getMessage());
    }
  }

  private void detach(SimOp spec) {
    World.Device device = world.device(spec.device());
    int moves = world.filterMoves();
    try {
      world.registry().detach(device.disk.name(), ChangeTracking.FILTER_NAME);
    } catch (ErrnoException e) {
      boolean another = e.errno() == Errno.EBUSY && device.live.isFiltered(); // attached since
      if (e.errno() != Errno.ENOENT && !another && moves == world.filterMoves()) {
        throw world.fail("P5 detach: " + spec + " failed", e);
      }
    }
  }

  private void pause(int variant) {
    for (int i = variant % STEPS_MAX; i > 0; i--) {
      world.scheduler().yieldPoint();
    }
  }

  /**
   * No store answers until every write that was under way has passed: with the time limit over,
   * none may wait for a store, for memory that one keeps, or for who waits for one. If one does,
   * nobody can go on, and that is found.
   */
  void hangStores(SimOp spec) {
    Stores stores = world.stores();
    if (stores.isHanging()) {
      return; // another task has them hang
    }
    world.trace(() -> "start " + spec);
    stores.hang();
    pause(spec.variant());
    List<World.InFlight> writes = world.writesUnderWay();
    stores.copyLimit().expire();
    while (world.isAnyUnderWay(writes)) {
      world.awaitWrite();
    }
    stores.copyLimit().renew();
    stores.goOn();
    world.trace(() -> "done  " + spec);
  }

  /** The provider of stores is replaced, or it is tried; images may be lost only if it fails. */
  void swapStores(SimOp spec) {
    if (swapping) {
      return; // one swap runs at a time
    }
    swapping = true;
    Stores stores = world.stores();
    world.trace(() -> "start " + spec);
    stores.swapBegins();
    try {
      Suspended suspended = world.subject().storeUser().suspend(stores.providerId(), LIMIT);
      stores.replaceProvider();
      pause(spec.variant());
      if (spec.variant() % 16 == 0) {
        stores.expireWaits();
        pause(spec.variant() / 16);
      }
      resume(spec, suspended);
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      if (e.errno() != Errno.EBUSY) {
        throw world.fail("P0 control: " + spec + " failed", e);
      }
    }
    stores.swapEnds();
    swapping = false;
    world.trace(() -> "done  " + spec);
  }

  private void resume(SimOp spec, Suspended suspended) {
    try {
      suspended.resume(LIMIT);
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      world.reach(Reach.TAKE_OVER_FAILED);
      if (!world.stores().takeOverFailed()) {
        throw world.fail("P0 control: " + spec + " failed", e);
      }
    }
  }
}
