package io.sluice.simulator.run;

import io.sluice.block.Bio;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.device.IoRecord;
import io.sluice.simulator.oracle.CellModel;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.oracle.Stamp;
import io.sluice.simulator.oracle.TrackingOracle;
import java.nio.ByteBuffer;

/** What users of images do, and properties P2, P3 and P6. */
final class ImageOps {
  private static final int CHECK_CELLS = 7;

  private final World world;
  private final LiveOps live;
  private final MapOps maps;

  ImageOps(World world, LiveOps live) {
    this.world = world;
    this.live = live;
    this.maps = new MapOps(world);
  }

  /** The place of an image of the device: the one asked for, or the next that has one; or -1. */
  private int place(SimOp spec) {
    for (int i = 0; i < PlanGenerator.SLOTS; i++) {
      int at = (spec.slot() + i) % PlanGenerator.SLOTS;
      SnapshotOracle slot = world.slot(at);
      SnapshotOracle.Part part = slot == null ? null : slot.part(spec.device());
      if (part != null && part.image != null) {
        return at;
      }
    }
    return -1;
  }

  private IoRecord begin(SimOp spec) {
    IoRecord record = new IoRecord(spec.device(), null, 0);
    world.scheduler().current().attach(record);
    world.trace(() -> "start " + spec);
    return record;
  }

  private void end(SimOp spec) {
    world.scheduler().current().attach(null);
    world.trace(() -> "done  " + spec);
  }

  /** P2: an image fails only for a reason. */
  private void judge(
      SnapshotOracle slot, SnapshotOracle.Part part, IoRecord record, SimOp spec, Exception e) {
    if (!(e instanceof ErrnoException)) {
      throw world.fail("P2 image: " + spec + " failed", e);
    }
    world.trace(() -> "error " + spec + ": " + e.getMessage());
    if (slot.state == SnapshotOracle.State.DESTROYING) {
      world.reach(Reach.DESTROYED_IN_USE);
    } else if (!record.anyFault() && !part.excused && !slot.overLimit(world.cellBytesByDevice())) {
      throw world.fail("P2 image: " + spec + " failed without a cause", e);
    }
  }

  /** Reads a range. */
  void read(SimOp spec) {
    int place = place(spec);
    if (place >= 0) {
      SnapshotOracle slot = world.slot(place);
      read(slot, slot.part(spec.device()), spec);
    }
  }

  /** Reads a range; null if the image says an error, which it may. */
  private byte[] read(SnapshotOracle slot, SnapshotOracle.Part part, SimOp planned) {
    SimOp spec = planned.within(part.model.cellCount());
    int cellBytes = part.model.cellBytes();
    int length = spec.count() * cellBytes;
    Bio bio = new Bio().read((long) spec.first() * cellBytes, Buffers.make(length, spec.variant()));
    IoRecord record = begin(spec);
    CellModel.Reading reading = part.model.beginRead();
    byte[] got = null;
    try {
      part.image.submit(bio);
      String wrong = Bytes.judgeRead(part.model, reading, spec.first(), bio);
      if (wrong != null && world.tampering().judgesImageBytes()) {
        throw world.fail("P2 image: " + spec + ": " + wrong);
      }
      got = Bytes.payload(bio);
      noteRetry(part, record, bio);
      noteSharing(slot, part, spec);
      maps.checkChanges(slot, part, spec);
    } catch (ErrnoException | RuntimeException e) {
      judge(slot, part, record, spec, e);
    }
    part.model.endRead();
    end(spec);
    return got;
  }

  private void noteSharing(SnapshotOracle slot, SnapshotOracle.Part part, SimOp spec) {
    for (int cell = spec.first(); cell < spec.first() + spec.count(); cell++) {
      if (part.touchedCells.get(cell) && !part.firstTouchedCells.get(cell)) {
        world.reach(Reach.SHARED_READ);
        noteLonger(slot, part, spec, cell);
        break;
      }
    }
    for (SnapshotOracle other : world.slots()) {
      SnapshotOracle.Part newer = newerPart(other, slot, spec);
      if (newer != null && newer.corruptedEvents > 0) {
        world.reach(Reach.OLDER_OUTLIVED_NEWER);
      }
    }
  }

  /** The device's part of the other snapshot, if that is a later one; else null. */
  private static SnapshotOracle.Part newerPart(
      SnapshotOracle other, SnapshotOracle slot, SimOp spec) {
    return other == null || other.order <= slot.order ? null : other.part(spec.device());
  }

  private void noteLonger(
      SnapshotOracle slot, SnapshotOracle.Part part, SimOp spec, int sharedCell) {
    for (SnapshotOracle other : world.slots()) {
      SnapshotOracle.Part newer = newerPart(other, slot, spec);
      if (newer != null
          && newer.atTake != null
          && newer.atTake.length > part.atTake.length
          && newer.firstTouchedCells.get(sharedCell)) {
        world.reach(Reach.SHARED_READ_AFTER_GROWTH);
      }
    }
  }

  private void noteRetry(SnapshotOracle.Part part, IoRecord record, Bio bio) {
    if (part.chunkBytes > 0
        && bio.lengthBytes() > 0
        && bio.offsetBytes() / part.chunkBytes == (bio.endBytes() - 1) / part.chunkBytes
        && record.originReads > 0
        && record.originReads + record.storeReads > 1) {
      world.reach(Reach.IMAGE_READ_RETRIED);
    }
  }

  void modify(SimOp planned) {
    int place = place(planned);
    if (place < 0) {
      return;
    }
    SnapshotOracle slot = world.slot(place);
    SnapshotOracle.Part part = slot.part(planned.device());
    SimOp spec = planned.within(part.model.cellCount());
    int cellBytes = part.model.cellBytes();
    byte[] payload = new byte[spec.count() * cellBytes];
    long offset = (long) spec.first() * cellBytes;
    Bio bio = new Bio();
    if (spec.kind() == OpKind.IMAGE_WRITE) {
      int sequence = world.nextSequence();
      for (int i = 0; i < spec.count(); i++) {
        Stamp.fill(payload, i * cellBytes, cellBytes, sequence, part.owner, spec.first() + i);
      }
      ByteBuffer data = Buffers.make(payload.length, spec.variant());
      int start = data.position();
      bio.write(offset, data.put(payload).position(start), 0);
    } else if (spec.kind() == OpKind.IMAGE_ZEROES) {
      bio.writeZeroes(offset, payload.length, 0);
    } else {
      bio.discard(offset, payload.length, 0);
    }
    modify(slot, part, spec, bio, payload);
  }

  private void modify(
      SnapshotOracle slot, SnapshotOracle.Part part, SimOp spec, Bio bio, byte[] payload) {
    World.Device device = world.device(spec.device());
    IoRecord record = begin(spec);
    String label = world.scheduler().current().name() + " " + spec;
    CellModel.Update update = part.model.begin(spec.first(), spec.count(), payload, label);
    TrackingOracle.Change change = device.tracking.beginBoth(bio.offsetBytes(), bio.lengthBytes());
    part.writtenCells.set(spec.first(), spec.first() + spec.count());
    boolean done = false;
    try {
      part.image.submit(bio);
      done = true;
    } catch (ErrnoException e) {
      if (spec.kind() != OpKind.IMAGE_DISCARD || e.errno() != Errno.ENOTSUP) {
        judge(slot, part, record, spec, e);
      }
    } catch (RuntimeException e) {
      judge(slot, part, record, spec, e);
    }
    // What a discarded range reads is undefined; here: zeroes, or what it was.
    part.model.end(update, done && spec.kind() != OpKind.IMAGE_DISCARD);
    change.end(done && bio.lengthBytes() > 0 && spec.kind() != OpKind.IMAGE_DISCARD);
    if (done && bio.data() != null) {
      String wrong = Buffers.judge(bio.data(), payload.length);
      if (wrong != null) {
        throw world.fail("P2 image: " + spec + ": " + wrong);
      }
    }
    end(spec);
  }

  void status(SimOp planned) {
    int place = place(planned);
    if (place < 0) {
      return;
    }
    SnapshotOracle slot = world.slot(place);
    SnapshotOracle.Part part = slot.part(planned.device());
    SimOp spec = planned.within(part.model.cellCount());
    long offset = (long) spec.first() * part.model.cellBytes();
    // Perhaps beyond the image's end, where the answer must stop.
    long asked = (long) planned.count() * part.model.cellBytes() - (spec.variant() & 7);
    long length = Math.max(1, asked);
    IoRecord record = begin(spec);
    CellModel.Reading reading = part.model.beginRead();
    Extents extents = new Extents();
    try {
      part.image.status(offset, length, extents);
      String wrong = extents.judge(part.model, reading, offset, length);
      if (wrong != null) {
        throw world.fail("P2 image: " + spec + ": " + wrong);
      }
      if (extents.zeroSeen()) {
        world.reach(Reach.IMAGE_ZERO_EXTENT);
      }
      maps.checkChanges(slot, part, spec);
      maps.checkDepth(slot, part, spec, reading);
    } catch (ErrnoException | RuntimeException e) {
      judge(slot, part, record, spec, e);
    }
    part.model.endRead();
    end(spec);
  }

  void flush(SimOp spec) {
    int place = place(spec);
    if (place < 0) {
      return;
    }
    SnapshotOracle slot = world.slot(place);
    SnapshotOracle.Part part = slot.part(spec.device());
    IoRecord record = begin(spec);
    try {
      part.image.submit(new Bio().flush());
    } catch (ErrnoException | RuntimeException e) {
      judge(slot, part, record, spec, e);
    }
    end(spec);
  }

  /** What an image must refuse, without harm. */
  void bad(SimOp spec) {
    int place = place(spec);
    if (place < 0) {
      return;
    }
    SnapshotOracle.Part part = world.slot(place).part(spec.device());
    long size = (long) part.model.cellCount() * part.model.cellBytes();
    int length = part.model.cellBytes() + (spec.variant() & 1);
    Bio bio = new Bio();
    switch (spec.variant() % 3) {
      case 0 -> bio.read(size, ByteBuffer.allocate(length));
      case 1 -> bio.write(size - part.model.cellBytes() + 1, ByteBuffer.allocate(length), 0);
      default -> bio.writeZeroes(Long.MAX_VALUE - size, size, 0);
    }
    if (size < world.disk(spec.device()).bytes().length) {
      world.reach(Reach.IMAGE_READ_PAST_ITS_END);
    }
    begin(spec);
    try {
      part.image.submit(bio);
      throw world.fail("P2 image: " + bio + " outside an image of " + size + " bytes was served");
    } catch (ErrnoException e) {
      world.trace(() -> "refused: " + e.getMessage());
    } catch (RuntimeException e) {
      throw world.fail("P2 image: " + spec + " failed", e);
    }
    end(spec);
  }

  /** Reads all images of a snapshot, and looks at the pairs across them. */
  void check(SimOp spec) {
    SnapshotOracle slot = world.slot(spec.slot());
    if (slot == null) {
      return;
    }
    byte[][] firstCells = new byte[world.devices().size()][];
    for (SnapshotOracle.Part part : slot.parts()) {
      if (part.image == null) {
        continue;
      }
      world.checkSize(spec + " of disk-" + part.device, part);
      int step = 1 + spec.variant() % (2 * CHECK_CELLS);
      for (int cell = 0; cell < part.model.cellCount(); cell += step) {
        int count = Math.min(step, part.model.cellCount() - cell);
        byte[] got =
            read(
                slot,
                part,
                new SimOp(
                    OpKind.IMAGE_READ, part.device, spec.slot(), cell, count, spec.variant()));
        if (cell == 0) {
          firstCells[part.device] = got;
        }
      }
    }
    if (firstCells.length > 1 && firstCells[0] != null && firstCells[1] != null) {
      judgePair(spec, live.pairOf(firstCells[0]), live.pairOf(firstCells[1]));
    }
  }

  private void judgePair(SimOp spec, int a, int b) {
    if (b > a) {
      throw world.fail(
          "P6 coherence: "
              + spec
              + ": disk-1 has the second write of pair "
              + b
              + ", disk-0 only the first of pair "
              + a);
    }
    if (a > b) {
      world.reach(Reach.PAIR_ACROSS_TAKE);
    }
  }
}
