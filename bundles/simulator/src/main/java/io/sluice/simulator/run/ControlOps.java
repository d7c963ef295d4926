package io.sluice.simulator.run;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.device.SimLive;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.oracle.TrackingOracle;
import io.sluice.simulator.schedule.SimFailure;
import io.sluice.simulator.schedule.SimRandom;
import io.sluice.simulator.schedule.SimSignal;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** The verbs of snapshots, and property P7. A slot's verbs come from one task. */
final class ControlOps {
  /** How often a take tries its cut. */
  private static final int CUTS_MAX = 3;

  private final World world;
  private final UUID[] lastId = new UUID[PlanGenerator.SLOTS];
  private final SimSignal takeDone;
  private int created;

  ControlOps(World world) {
    this.world = world;
    this.takeDone = new SimSignal(world.scheduler(), "another take of the device");
  }

  private SnapshotControl control() {
    return world.control();
  }

  private ControlRecord begin(SnapshotOracle taking) {
    ControlRecord record = new ControlRecord(taking);
    world.scheduler().current().attach(record);
    return record;
  }

  private void end() {
    world.scheduler().current().attach(null);
  }

  private SimFailure unexpected(SimOp spec, ErrnoException e) {
    return world.fail("P0 control: " + spec + " failed", e);
  }

  /** Creates a snapshot in an empty slot; true if there is one then. */
  boolean create(SimOp spec) {
    if (world.slot(spec.slot()) != null) {
      return false;
    }
    Plan plan = world.plan();
    SimRandom random = new SimRandom(spec.variant());
    int chunkBytes = 1 << plan.chunkShift();
    int portionBytes = plan.portionSectors() * 512;
    List<String> names = new ArrayList<>();
    for (int i = 0; i < world.devices().size(); i++) {
      if ((spec.first() & (1 << i)) != 0) {
        names.add(world.device(i).disk.name());
      }
    }
    long limit = random.chance(350) ? (long) random.between(2, 12) * chunkBytes : 0;
    if (limit > 0 && random.chance(200)) {
      limit += random.below(chunkBytes);
    }
    int capacity = random.chance(700) ? 0 : random.between(1, 4) * portionBytes / 2;
    long most =
        random.chance(900) ? Long.MAX_VALUE : capacity + (long) random.below(8) * chunkBytes;
    String name = "store-" + ++created;
    String given = random.chance(300) ? "snap-" + created : "";
    int chunkSize = random.chance(150) ? Math.max(4096, chunkBytes << random.below(2)) : 0;
    SnapshotOracle slot = new SnapshotOracle(name, limit == 0 ? Long.MAX_VALUE : limit);
    for (int i = 0; i < world.devices().size(); i++) {
      if ((spec.first() & (1 << i)) != 0) {
        slot.add(i);
      }
    }
    slot.chunkSizeBytes = chunkSize;
    int moves = world.filterMoves();
    world.slot(spec.slot(), slot);
    ControlRecord record = begin(null);
    world.trace(
        () ->
            "start "
                + spec
                + " "
                + names
                + " capacity "
                + capacity
                + " max "
                + most
                + " limit "
                + slot.firstStore().limitBytes);
    try {
      slot.id =
          control()
              .create(
                  new SnapshotRequest(
                      names,
                      World.STORE_KIND,
                      name + "," + capacity + "," + most,
                      limit,
                      chunkSize,
                      given));
      slot.label = given.isEmpty() ? slot.id.toString() : given;
      lastId[spec.slot()] = slot.id;
      if (!control().resolve(slot.label).equals(slot.id)) {
        throw world.fail("P0 control: " + slot.label + " leads to another snapshot");
      }
      slot.state = SnapshotOracle.State.CREATED;
      world.trace(() -> "done  " + spec + " " + slot.id);
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      world.slot(spec.slot(), null);
      boolean expected =
          record.anyFault()
              || (e.errno() == Errno.EINVAL && chunkSize != 0) // the others have another one
              || (e.errno() == Errno.EBUSY && isCrowded(slot))
              || (e.errno() == Errno.ENOSPC && capacity > slot.firstStore().limitBytes)
              || raced(moves, slot, e);
      if (!expected) {
        throw unexpected(spec, e);
      }
      if (slot.firstStore().store != null && !slot.firstStore().store.isClosed()) {
        throw world.fail("P7 leak: " + spec + " failed and left " + name + " open", e);
      }
    }
    end();
    return world.slot(spec.slot()) != null;
  }

  /** A filter that came or went beside a verb may have made it fail. */
  private boolean raced(int moves, SnapshotOracle slot, ErrnoException e) {
    boolean about = e.errno() == Errno.ESRCH || e.errno() == Errno.ENODEV;
    for (SnapshotOracle.Part part : slot.parts()) {
      SimLive live = world.device(part.device).live;
      if (e.errno() == Errno.ESRCH && live.isAttached() && !live.isFiltered()) {
        return true; // put aside, until somebody detaches it
      }
    }
    // The verb's own attachments count too, so up to one move for each device is none of others.
    return about && world.filterMoves() != moves && !slot.parts().isEmpty();
  }

  void add(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null
        || (slot.part(spec.device()) != null && slot.part(spec.device()).mayBeDetached)) {
      return; // a device that left a snapshot is none of it and not free to come back
    }
    String name = world.device(spec.device()).disk.name();
    boolean mine = slot.part(spec.device()) != null;
    boolean taken = slot.state == SnapshotOracle.State.TAKEN;
    int moves = world.filterMoves();
    ControlRecord record = begin(null);
    if (!mine && !taken) {
      slot.add(spec.device());
      slot.part(spec.device()).pending = true;
    }
    try {
      control().add(slot.id, name);
      boolean still = mine && !slot.part(spec.device()).mayBeDetached;
      if (still || taken) {
        throw world.fail("P0 control: " + spec + " was done, and may not be");
      }
      slot.part(spec.device()).pending = false;
      slot.part(spec.device()).detached = false;
      world.trace(() -> "done  " + spec);
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      boolean expected =
          record.anyFault()
              || (mine && e.errno() == Errno.EALREADY)
              || ((taken || isCrowded(slot)) && e.errno() == Errno.EBUSY)
              || (e.errno() == Errno.EINVAL && slot.chunkSizeBytes != 0)
              || raced(moves, slot, e);
      if (!expected) {
        throw unexpected(spec, e);
      }
      if (!mine && !taken) {
        slot.remove(spec.device());
      }
    }
    end();
  }

  void take(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null) {
      refuseUnknown(spec);
      return;
    }
    if (slot.state == SnapshotOracle.State.TAKEN) {
      try {
        control().take(slot.id);
        throw world.fail("P0 control: " + spec + " was taken twice");
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EALREADY) {
          throw unexpected(spec, e);
        }
      }
      return;
    }
    while (takesOverlap(slot)) {
      takeDone.await(); // two takes of a device come one after the other: so the log is simple
    }
    slot.state = SnapshotOracle.State.TAKING;
    int growths = growths(slot);
    int moves = world.filterMoves();
    ControlRecord record = begin(slot);
    world.trace(() -> "start " + spec);
    try {
      SnapshotInfo info = control().take(slot.id);
      taken(spec, slot, info);
      slot.state = SnapshotOracle.State.TAKEN;
      world.trace(() -> "done  " + spec);
    } catch (ErrnoException e) {
      world.trace(() -> "error " + spec + ": " + e.getMessage());
      slot.state = SnapshotOracle.State.CREATED;
      boolean gone = slot.parts().stream().anyMatch(part -> part.mayBeDetached);
      boolean none = slot.parts().isEmpty();
      boolean storeLost = e.errno() == Errno.EIO && slot.storeLost;
      boolean nothing = e.errno() == Errno.ENODEV && (gone || none);
      boolean otherChunk = e.errno() == Errno.EINVAL && slot.chunkSizeBytes != 0;
      boolean crowded = e.errno() == Errno.EBUSY && isCrowded(slot);
      int retries = growths(slot) - growths;
      boolean restless =
          e.errno() == Errno.EAGAIN && retries + world.filterMoves() - moves >= CUTS_MAX;
      if (!record.anyFault() && !storeLost && !nothing && !otherChunk && !crowded && !restless) {
        throw unexpected(spec, e);
      }
      for (SnapshotOracle.Part part : slot.parts()) {
        if (part.atTake != null) {
          if (!gone && retries == 0) { // else it was tried again, and what it failed then
            throw world.fail("P6 cut: " + spec + " failed after the cut", e);
          }
          part.atTake = null;
          world.device(part.device).tracking.cutUndone();
          world.device(part.device).lossy = true; // the one before goes on saving
        }
      }
    }
    takeDone.wakeAll();
    end();
  }

  /** How often its devices have grown: a take that sees one grow beside its cut tries again. */
  private int growths(SnapshotOracle slot) {
    return slot.parts().stream().mapToInt(part -> world.disk(part.device).growths()).sum();
  }

  private boolean isCrowded(SnapshotOracle slot) {
    return slot.parts().stream()
        .anyMatch(
            part -> Slots.isCrowded(world.slots(), part.device, world.device(part.device).takes));
  }

  private boolean takesOverlap(SnapshotOracle mine) {
    for (SnapshotOracle slot : world.slots()) {
      if (slot != null && slot.state == SnapshotOracle.State.TAKING) {
        for (SnapshotOracle.Part part : slot.parts()) {
          if (mine.part(part.device) != null) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private void refuseUnknown(SimOp spec) {
    UUID id = lastId[spec.slot()];
    if (id == null) {
      return;
    }
    boolean take = spec.kind() == OpKind.TAKE;
    try {
      if (take) {
        control().take(id);
      } else {
        control().destroy(id);
      }
      throw world.fail("P0 control: " + spec + ": the snapshot is gone, but it was done");
    } catch (ErrnoException e) {
      if (e.errno() != (take ? Errno.ESRCH : Errno.ENODEV)) {
        throw unexpected(spec, e);
      }
    }
  }

  private void taken(SimOp spec, SnapshotOracle slot, SnapshotInfo info) {
    if (info.devices().size() != slot.parts().size()) {
      throw world.fail("P0 control: " + spec + ": " + info + " for " + slot.parts().size());
    }
    for (SnapshotDeviceInfo device : info.devices()) {
      int index = indexOf(device.device());
      SnapshotOracle.Part part = slot.part(index);
      if (part == null || part.atTake == null || part.image == null) {
        throw world.fail("P6 cut: " + spec + ": no cut or no image of " + device.device());
      }
      part.chunkBytes = device.chunkSizeBytes();
      TrackingOracle oracle = world.device(index).tracking;
      if (oracle.position() != part.positionAtCut) {
        continue; // the filter left after the cut: what is tracked now is no part of this take
      }
      Backups.keep(world.device(index), device, part.atTake);
      UUID before = oracle.generation();
      boolean grown = oracle.trackedBytes() != part.atTake.length;
      String wrong = oracle.taken(device.generationId(), device.changesNumber());
      if (wrong != null) {
        throw world.fail("P5 generation: " + spec + ": " + wrong);
      }
      if (before != null && !before.equals(device.generationId())) {
        world.reach(grown ? Reach.GENERATION_ENDED_BY_GROWTH : Reach.NUMBER_WRAP);
      }
    }
  }

  private int indexOf(String device) {
    return Integer.parseInt(device.substring("disk-".length()));
  }

  void destroy(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null) {
      refuseUnknown(spec);
      return;
    }
    info(spec);
    events(spec);
    noteOrder(slot);
    slot.state = SnapshotOracle.State.DESTROYING;
    begin(null);
    world.trace(() -> "start " + spec);
    try {
      control().destroy(slot.id);
    } catch (ErrnoException e) {
      throw unexpected(spec, e);
    }
    world.trace(() -> "done  " + spec);
    if (world.publishedNames().stream().anyMatch(name -> name.endsWith("@" + slot.label))) {
      throw world.fail("P7 leak: images are left after " + spec);
    }
    world.slot(spec.slot(), null);
    end();
  }

  private void noteOrder(SnapshotOracle slot) {
    for (SnapshotOracle older : world.slots()) {
      if (older != null && older.isHeld() && older.order < slot.order) {
        if (older.parts().stream().anyMatch(part -> slot.part(part.device) != null)) {
          world.reach(Reach.DESTROYED_OUT_OF_ORDER);
        }
      }
    }
  }

  /** P7, and that an image is lost only for a cause. */
  void info(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null || slot.id == null) {
      return;
    }
    SnapshotInfo info;
    try {
      info = control().info(slot.id);
    } catch (ErrnoException e) {
      if (world.slot(spec.slot()) != slot || slot.state == SnapshotOracle.State.DESTROYING) {
        return; // the slot's own task destroyed it meanwhile
      }
      throw unexpected(spec, e);
    }
    long touchedBytes = 0;
    boolean faulty = false;
    for (SnapshotDeviceInfo device : info.devices()) {
      SnapshotOracle.Part part = slot.part(indexOf(device.device()));
      if (part == null || part.chunkBytes == 0) {
        touchedBytes = Long.MAX_VALUE / 2;
        continue;
      }
      faulty |= part.excused; // a save that failed keeps what it was allocated
      int cellBytes = world.cellBytesByDevice()[part.device];
      int touched =
          world.device(part.device).lossy
              ? slot.touchedChunks(part, cellBytes)
              : slot.firstTouchedChunks(part, cellBytes);
      touchedBytes += (long) touched * part.chunkBytes;
      if (device.chunksSaved() + device.chunksZero() > touched) {
        throw world.fail(
            "P7 accounting: " + spec + ": only " + touched + " chunks were touched: " + device);
      }
      if (device.chunksZero() > 0) {
        world.reach(Reach.ZERO_CHUNK);
      }
      judgeLoss(spec, slot, part, device.errorCode());
    }
    // Each store begins where the allocator can go on, which is not where the last one ends.
    long mostBytes = touchedBytes + (slot.storesChanged ? StoreOps.ROUNDING_BYTES : 0);
    if ((info.store().filledBytes() > mostBytes && !faulty)
        || info.store().filledBytes() > info.store().capacityBytes()) {
      throw world.fail("P7 accounting: " + spec + ": touched " + touchedBytes + ", " + info);
    }
    for (SnapshotOracle.StoreUse use : slot.stores()) {
      if (use.store != null
          && use.store.capacityBytes() > Math.max(use.limitBytes, use.firstCapacityBytes)) {
        throw world.fail(
            "P7 accounting: " + spec + ": limit " + use.limitBytes + ", " + info.stores());
      }
    }
  }

  private void judgeLoss(SimOp spec, SnapshotOracle slot, SnapshotOracle.Part part, int errorCode) {
    if (errorCode == 0) {
      return;
    }
    boolean full = slot.overLimit(world.cellBytesByDevice());
    if (errorCode > 0 || (!part.excused && !(full && -errorCode == Errno.ENOSPC.number()))) {
      throw world.fail(
          "P2 image: "
              + spec
              + ": disk-"
              + part.device
              + " is lost with "
              + errorCode
              + " without a cause");
    }
  }

  void events(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null || slot.id == null) {
      return;
    }
    try {
      Optional<SnapshotEvent> next = control().waitEvent(slot.id, Duration.ZERO);
      while (next.isPresent()) {
        event(spec, slot, next.get());
        next = control().waitEvent(slot.id, Duration.ZERO);
      }
    } catch (ErrnoException e) {
      if (world.slot(spec.slot()) == slot && slot.state != SnapshotOracle.State.DESTROYING) {
        throw unexpected(spec, e);
      }
    }
  }

  private void event(SimOp spec, SnapshotOracle slot, SnapshotEvent event) {
    world.trace(() -> "event " + event);
    if (event.code() == SnapshotEvent.Code.NO_SPACE) {
      world.reach(Reach.NO_SPACE_EVENT);
      if (++slot.noSpaceEvents > slot.stores().size()) {
        throw world.fail("P7 events: " + spec + ": NO_SPACE more than once for a store");
      }
      return;
    }
    SnapshotOracle.Part part = slot.part(indexOf(event.device()));
    if (part == null || ++part.corruptedEvents > 1 || event.errno() <= 0) {
      throw world.fail("P7 events: " + spec + ": " + event);
    }
    judgeLoss(spec, slot, part, -event.errno());
    if (event.errno() == Errno.ENOSPC.number() && !part.excused) {
      world.reach(Reach.OVERFLOW);
    } else if (part.lostByOrigin) {
      world.reach(Reach.LOST_BY_ORIGIN_READ);
    } else if (!part.mayBeDetached) {
      world.reach(Reach.LOST_BY_STORE_ERROR);
    }
  }

  /** P7 at a run's end: what is lost was told, and once. */
  void finish(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null) {
      return;
    }
    events(spec);
    try {
      for (SnapshotDeviceInfo device : control().info(slot.id).devices()) {
        SnapshotOracle.Part part = slot.part(indexOf(device.device()));
        if ((device.errorCode() != 0) != (part.corruptedEvents == 1)) {
          throw world.fail("P7 events: " + part.corruptedEvents + " for " + device);
        }
      }
    } catch (ErrnoException e) {
      throw unexpected(spec, e);
    }
    destroy(spec);
  }
}
