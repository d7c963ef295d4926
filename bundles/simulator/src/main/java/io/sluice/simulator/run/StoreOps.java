package io.sluice.simulator.run;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.schedule.SimRandom;
import io.sluice.simulator.schedule.SimTask;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.StoreRequest;
import java.util.List;
import java.util.UUID;

/**
 * Stores added to snapshots and moved, while these are used, and what of P7 holds there: what fails
 * leaves all as it was and its store closed; after a move the old stores are closed.
 */
final class StoreOps {
  /** How much more than was touched may be said to be filled, for the seams between stores. */
  static final long ROUNDING_BYTES = 16 * 4096;

  private final World world;
  private int opened;

  StoreOps(World world) {
    this.world = world;
  }

  /** A store to ask for. */
  private record Asked(StoreRequest request, SnapshotOracle.StoreUse use, int capacityBytes) {
    boolean mayBeSmall() {
      return use.limitBytes < Long.MAX_VALUE || !request.argument().endsWith("," + Long.MAX_VALUE);
    }
  }

  private Asked ask(SnapshotOracle slot, SimRandom random) {
    int chunkBytes = 1 << world.plan().chunkShift();
    int portionBytes = world.plan().portionSectors() * 512;
    long limit = random.chance(300) ? (long) random.between(2, 24) * chunkBytes : 0;
    int capacity = random.chance(700) ? 0 : random.between(1, 4) * portionBytes / 2;
    long most =
        random.chance(850) ? Long.MAX_VALUE : capacity + (long) random.below(16) * chunkBytes;
    String name = "another-" + ++opened;
    world.trace(() -> name + ": capacity " + capacity + " max " + most + " limit " + limit);
    return new Asked(
        new StoreRequest(World.STORE_KIND, name + "," + capacity + "," + most, limit),
        slot.addStore(name, limit == 0 ? Long.MAX_VALUE : limit),
        capacity);
  }

  void add(SimOp spec) {
    change(spec, (slot, random, asked) -> world.control().addStore(slot.id, asked.request()));
  }

  void move(SimOp spec) {
    change(spec, this::move);
  }

  private interface Verb {
    void run(SnapshotOracle slot, SimRandom random, Asked asked) throws ErrnoException;
  }

  private void change(SimOp spec, Verb verb) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null || slot.id == null) {
      return;
    }
    SimRandom random = new SimRandom(spec.variant());
    SimTask task = world.scheduler().current();
    boolean raced = !slot.changers.isEmpty() || world.stores().isSwapping();
    int moves = world.filterMoves();
    long swaps = world.stores().swaps();
    if (slot.overLimit(world.cellBytesByDevice())) {
      slot.excuseAll(); // it may be full before it gets the store
    }
    ControlRecord record = new ControlRecord(null);
    task.attach(record);
    slot.changers.add(task);
    int begun = ++slot.changes;
    world.trace(() -> "start " + spec);
    Asked asked = ask(slot, random);
    world.stores().taken(slot);
    if (asked.mayBeSmall()) {
      slot.parts().forEach(part -> world.device(part.device).lossy = true);
    }
    boolean wasChanged = slot.storesChanged;
    slot.storesChanged = true;
    try {
      verb.run(slot, random, asked);
      world.trace(() -> "done  " + spec);
      // Another one may have come and gone already, or have opened its store.
      if (begun == slot.changes && slot.changers.size() == 1) {
        judgeSuccess(spec, slot, asked);
      }
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      boolean gone = world.slot(spec.slot()) != slot || isGoing(slot);
      boolean swapped = world.stores().isSwapping() || swaps != world.stores().swaps();
      boolean expected =
          record.anyFault()
              || (gone && (e.errno() == Errno.ESRCH || e.errno() == Errno.ENODEV))
              || (e.errno() == Errno.EBUSY && (raced || swapped || isCrowded(slot)))
              || (e.errno() == Errno.EBUSY && slot.changers.size() > 1)
              || (e.errno() == Errno.EINVAL && slot.chunkSizeBytes != 0) // as for create
              || (e.errno() == Errno.ENOSPC && asked.mayBeSmall())
              || (e.errno() == Errno.EIO && (slot.storeLost || excused(slot)))
              || ((e.errno() == Errno.ETIMEDOUT || e.errno() == Errno.EAGAIN) && swapped)
              || (moves != world.filterMoves() && e.errno() == Errno.ENODEV)
              || e.errno() == Errno.ECANCELED;
      if (!expected) {
        throw world.fail("P0 control: " + spec + " failed", e);
      }
      noteFailure(record, e, gone);
      judgeFailure(spec, slot, asked, gone);
      slot.removeStore(asked.use().name);
      slot.storesChanged = wasChanged || slot.stores().size() > 1;
    }
    slot.changers.remove(task);
    slot.changes++;
    task.attach(null);
  }

  private static boolean isGoing(SnapshotOracle slot) {
    return slot.state == SnapshotOracle.State.DESTROYING;
  }

  private static boolean excused(SnapshotOracle slot) {
    return slot.parts().stream().anyMatch(part -> part.excused);
  }

  private static boolean isCrowded(SnapshotOracle slot) {
    return slot.stores().size() > 16;
  }

  private void noteFailure(ControlRecord record, ErrnoException e, boolean gone) {
    if (gone) {
      world.reach(Reach.DESTROYED_IN_MOVE);
    } else if (e.errno() == Errno.ECANCELED) {
      world.reach(Reach.MOVE_CANCELED);
    } else if (record.anyFault()) {
      world.reach(Reach.MOVE_FAILED);
    } else if (e.errno() == Errno.EBUSY && world.stores().isSwapping()) {
      world.reach(Reach.MOVE_MET_SWAP);
    }
  }

  private void judgeFailure(SimOp spec, SnapshotOracle slot, Asked asked, boolean gone) {
    if (asked.use().store != null && !asked.use().store.isClosed()) {
      throw world.fail("P7 leak: " + spec + " failed and left " + asked.use().name + " open");
    }
    if (openCount(slot) == 0 && !gone && !slot.storeLost && !world.stores().isSwapping()) {
      throw world.fail("P7 store: " + spec + " failed and left no store open");
    }
  }

  private static long openCount(SnapshotOracle slot) {
    return slot.stores().stream().filter(use -> use.store != null && !use.store.isClosed()).count();
  }

  private void judgeSuccess(SimOp spec, SnapshotOracle slot, Asked asked) {
    if (world.slot(spec.slot()) != slot || isGoing(slot)) {
      world.reach(Reach.DESTROYED_IN_MOVE);
      return;
    }
    if (spec.kind() == OpKind.ADD_STORE) {
      if (openCount(slot) < 2 && !slot.storeLost) {
        throw world.fail("P7 store: " + spec + " was done, and another store is closed");
      }
      return;
    }
    if (slot.isHeld()) {
      world.reach(Reach.STORES_MOVED);
    }
    for (SnapshotOracle.StoreUse use : slot.stores()) {
      if (use != asked.use() && use.store != null && !use.store.isClosed()) {
        throw world.fail("P7 leak: " + spec + " was done and left " + use.name + " open");
      }
    }
  }

  private void move(SnapshotOracle slot, SimRandom random, Asked asked) throws ErrnoException {
    UUID id = slot.id;
    int patience = random.chance(200) ? random.below(4) : Integer.MAX_VALUE;
    List<SnapshotOracle.StoreUse> before = slot.stores();
    world.control().moveStores(id, asked.request(), new Watching(patience, slot.isHeld()));
    for (SnapshotOracle.StoreUse use : before) {
      if (use != slot.firstStore() && use.store != null && use.store.highestBytes() > 0) {
        world.reach(Reach.ADDED_STORE_USED);
      }
    }
  }

  /** Watches a move, and gives it up when its patience ends. */
  private final class Watching implements MoveProgress {
    private final boolean held;
    private int patience;
    private long lastDoneBytes;
    private long firstTotalBytes = -1;

    Watching(int patience, boolean held) {
      this.patience = patience;
      this.held = held;
    }

    @Override
    public boolean moved(long doneBytes, long totalBytes) {
      world.scheduler().yieldPoint();
      if (doneBytes < lastDoneBytes || doneBytes > totalBytes) {
        throw world.fail("P7 store: moved " + doneBytes + " of " + totalBytes + " bytes");
      }
      lastDoneBytes = doneBytes;
      if (firstTotalBytes < 0) {
        firstTotalBytes = totalBytes;
      } else if (held && totalBytes > firstTotalBytes) {
        world.reach(Reach.MOVED_UNDER_WRITES);
        firstTotalBytes = Long.MAX_VALUE;
      }
      return patience-- > 0;
    }
  }
}
