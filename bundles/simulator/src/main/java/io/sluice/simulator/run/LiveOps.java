package io.sluice.simulator.run;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.device.IoRecord;
import io.sluice.simulator.device.SimDisk;
import io.sluice.simulator.device.SimLive;
import io.sluice.simulator.oracle.CellModel;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.oracle.Stamp;
import io.sluice.simulator.oracle.TrackingOracle;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** What clients of live devices do, and property P1: it goes as if no filter were there. */
final class LiveOps {
  private final World world;
  private final Map<Integer, Integer> pairBySequence = new HashMap<>();
  private int pairCount;

  LiveOps(World world) {
    this.world = world;
  }

  /** The plan may go as far as the device may grow. */
  private SimOp within(SimOp planned) {
    return planned.within(world.disk(planned.device()).cellCount());
  }

  /** Writes, zeroes or discards; true if it succeeded. */
  boolean modify(BioOp op, SimOp planned) {
    SimOp spec = within(planned);
    World.Device device = world.device(spec.device());
    int cellBytes = device.disk.cellBytes();
    int flags = (spec.variant() & 4) != 0 ? Bio.FUA : 0;
    if (op == BioOp.WRITE_ZEROES && (spec.variant() & 8) != 0) {
      flags |= Bio.NO_UNMAP;
    }
    byte[] payload = payload(op, device, spec);
    Bio bio = new Bio();
    long offset = (long) spec.first() * cellBytes;
    ByteBuffer data = null;
    switch (op) {
      case WRITE -> {
        data = Buffers.make(payload.length, spec.variant());
        int start = data.position();
        data.put(payload).position(start);
        bio.write(offset, data, flags);
      }
      case WRITE_ZEROES -> bio.writeZeroes(offset, payload.length, flags);
      default -> bio.discard(offset, payload.length, flags);
    }
    Modification watch = new Modification(device, spec, payload, bio);
    run(new IoRecord(spec.device(), op, flags), () -> device.live.submit(bio, watch), watch);
    return watch.succeeded;
  }

  private byte[] payload(BioOp op, World.Device device, SimOp spec) {
    SimDisk disk = device.disk;
    byte[] payload = new byte[spec.count() * disk.cellBytes()];
    if (op == BioOp.WRITE) {
      int sequence = world.nextSequence();
      if (spec.kind() == OpKind.PAIR) {
        pairBySequence.put(sequence, pairCount);
      }
      for (int i = 0; i < spec.count(); i++) {
        Stamp.fill(
            payload,
            i * disk.cellBytes(),
            disk.cellBytes(),
            sequence,
            spec.device(),
            spec.first() + i);
      }
    } else if (op == BioOp.DISCARD && !disk.discardZeroes()) {
      Arrays.fill(payload, SimDisk.DISCARDED);
    }
    return payload;
  }

  private void run(IoRecord record, Runnable body, Recorded watch) {
    watch.record = record;
    world.scheduler().current().attach(record);
    body.run();
    world.scheduler().current().attach(null);
  }

  private abstract static class Recorded implements SimLive.Watch {
    IoRecord record;
  }

  /** Watches one modification inside the gate. */
  private final class Modification extends Recorded {
    private final World.Device device;
    private final SimOp spec;
    private final byte[] payload;
    private final Bio bio;
    private CellModel.Update update;
    private TrackingOracle.Change change;
    private World.InFlight inFlight;
    private boolean succeeded;

    Modification(World.Device device, SimOp spec, byte[] payload, Bio bio) {
      this.device = device;
      this.spec = spec;
      this.payload = payload;
      this.bio = bio;
    }

    @Override
    public void entered() {
      String label = world.scheduler().current().name() + " " + spec;
      update = device.model.begin(spec.first(), spec.count(), payload, label);
      if (device.live.isFiltered()) {
        change = device.tracking.begin(bio.offsetBytes(), bio.lengthBytes());
      }
      boolean first = false;
      for (SnapshotOracle slot : world.slots()) {
        SnapshotOracle.Part part = slot == null || !slot.isHeld() ? null : slot.part(spec.device());
        if (part != null && part.atTake != null) {
          first |= touch(part, maySave(slot.order));
        }
      }
      inFlight = new World.InFlight(world.nextWrite(), bio.offsetBytes(), bio.endBytes(), first);
      device.inFlight.add(inFlight);
      world.trace(() -> "start " + spec);
    }

    /** Whether writers save for this take: the last one, or the one before if that may fail yet. */
    private boolean maySave(int order) {
      return order == device.lastTake
          || (order == device.takeBefore
              && Arrays.stream(world.slots())
                  .anyMatch(
                      slot ->
                          slot != null
                              && slot.state == SnapshotOracle.State.TAKING
                              && slot.order == device.lastTake));
    }

    /** Notes the cells as changed since the image's take; whether one is for the first time. */
    private boolean touch(SnapshotOracle.Part part, boolean newest) {
      if (bio.offsetBytes() < part.atTake.length && bio.endBytes() > part.atTake.length) {
        world.reach(Reach.WRITE_ACROSS_THE_OLD_END);
      }
      noteTwoWriters(part);
      int end = spec.first() + spec.count();
      boolean first = part.touchedCells.nextClearBit(spec.first()) < end;
      part.touchedCells.set(spec.first(), end);
      if (newest) {
        part.firstTouchedCells.set(spec.first(), end);
      }
      return first;
    }

    private void noteTwoWriters(SnapshotOracle.Part part) {
      if (part.chunkBytes > 0) {
        long firstChunk = bio.offsetBytes() / part.chunkBytes;
        long lastChunk = (bio.endBytes() - 1) / part.chunkBytes;
        for (World.InFlight other : device.inFlight) {
          if (other.firstTouch()
              && other.startBytes() / part.chunkBytes <= lastChunk
              && (other.endBytes() - 1) / part.chunkBytes >= firstChunk) {
            world.reach(Reach.TWO_WRITERS_ON_ONE_CHUNK);
          }
        }
      }
    }

    @Override
    public void completed(Exception failure) {
      device.inFlight.remove(inFlight);
      world.writeDone();
      succeeded = failure == null;
      world.trace(() -> (failure == null ? "done  " : "error ") + spec);
      if (failure != null) {
        judgeFailure(failure);
      } else {
        judgeSuccess();
      }
      device.model.end(update, succeeded);
      if (change != null) {
        change.end(record.originWrites > 0 && bio.lengthBytes() > 0);
      }
      checkStored();
      noteShortLastChunk();
    }

    private void judgeFailure(Exception failure) {
      if (!(failure instanceof ErrnoException) || !record.originWriteFailed) {
        throw world.fail("P1 origin: " + spec + " failed, but not on the disk", failure);
      }
      world.reach(Reach.ORIGIN_WRITE_FAILED);
    }

    private void judgeSuccess() {
      if (record.originWriteFailed) {
        throw world.fail("P1 origin: " + spec + " was acknowledged, but the disk failed it");
      }
      if (record.originBytesWritten < bio.lengthBytes()) {
        throw world.fail(
            "P1 origin: "
                + spec
                + " was acknowledged, but only "
                + record.originBytesWritten
                + " bytes reached the disk");
      }
      String wrong = bio.data() == null ? null : Buffers.judge(bio.data(), payload.length);
      if (wrong != null) {
        throw world.fail("P1 origin: " + spec + ": " + wrong);
      }
    }

    private void checkStored() {
      int cellBytes = device.disk.cellBytes();
      for (int cell = spec.first(); cell < spec.first() + spec.count(); cell++) {
        String wrong = device.model.judge(null, cell, device.disk.bytes(), cell * cellBytes);
        if (wrong != null) {
          throw world.fail("P1 origin: " + device.disk.name() + " after " + spec + ": " + wrong);
        }
      }
    }

    private void noteShortLastChunk() {
      for (SnapshotOracle slot : world.slots()) {
        SnapshotOracle.Part part = slot == null ? null : slot.part(spec.device());
        if (part != null
            && part.chunkBytes > 0
            && part.atTake != null
            && record.originReadEnds.get(part.atTake.length)
            && part.atTake.length % part.chunkBytes != 0) {
          boolean grown = part.atTake.length < device.disk.bytes().length;
          world.reach(grown ? Reach.OLD_SHORT_LAST_CHUNK : Reach.SHORT_LAST_CHUNK);
        }
      }
    }
  }

  void flush(SimOp spec) {
    World.Device device = world.device(spec.device());
    FlushWatch watch = new FlushWatch(spec);
    run(
        new IoRecord(spec.device(), BioOp.FLUSH, 0),
        () -> device.live.submit(new Bio().flush(), watch),
        watch);
  }

  private final class FlushWatch extends Recorded {
    private final SimOp spec;

    FlushWatch(SimOp spec) {
      this.spec = spec;
    }

    @Override
    public void entered() {}

    @Override
    public void completed(Exception failure) {
      boolean wrong =
          failure == null
              ? record.originWriteFailed || record.originFlushes == 0
              : !(failure instanceof ErrnoException) || !record.originWriteFailed;
      if (wrong) {
        throw world.fail(
            "P1 origin: " + spec + " reached the disk " + record.originFlushes + " times", failure);
      }
    }
  }

  void read(SimOp planned) {
    SimOp spec = within(planned);
    World.Device device = world.device(spec.device());
    int length = spec.count() * device.disk.cellBytes();
    Bio bio =
        new Bio()
            .read(
                (long) spec.first() * device.disk.cellBytes(),
                Buffers.make(length, spec.variant()));
    ReadWatch watch = new ReadWatch(device, spec, bio);
    run(new IoRecord(spec.device(), BioOp.READ, 0), () -> device.live.submit(bio, watch), watch);
  }

  private final class ReadWatch extends Recorded {
    private final World.Device device;
    private final SimOp spec;
    private final Bio bio;
    private CellModel.Reading reading;

    ReadWatch(World.Device device, SimOp spec, Bio bio) {
      this.device = device;
      this.spec = spec;
      this.bio = bio;
    }

    @Override
    public void entered() {
      reading = device.model.beginRead();
    }

    @Override
    public void completed(Exception failure) {
      if (failure != null) {
        if (!(failure instanceof ErrnoException) || !record.originReadFailed) {
          throw world.fail("P1 origin: " + spec + " failed, but not on the disk", failure);
        }
      } else {
        String wrong = Bytes.judgeRead(device.model, reading, spec.first(), bio);
        if (wrong != null) {
          throw world.fail("P1 origin: " + spec + ": " + wrong);
        }
      }
      device.model.endRead();
    }
  }

  void status(SimOp planned) {
    SimOp spec = within(planned);
    World.Device device = world.device(spec.device());
    int cellBytes = device.disk.cellBytes();
    long offset = (long) spec.first() * cellBytes;
    long length = Math.max(1, (long) spec.count() * cellBytes - (spec.variant() & 7));
    IoRecord record = new IoRecord(spec.device(), null, 0);
    world.scheduler().current().attach(record);
    CellModel.Reading reading = device.model.beginRead();
    Extents extents = new Extents();
    try {
      device.live.status(offset, length, extents);
      String wrong = extents.judge(device.model, reading, offset, length);
      if (wrong != null) {
        throw world.fail("P1 origin: " + spec + ": " + wrong);
      }
    } catch (ErrnoException e) {
      if (!record.originReadFailed) {
        throw world.fail("P1 origin: " + spec + " failed, but not on the disk", e);
      }
    }
    device.model.endRead();
    world.scheduler().current().attach(null);
  }

  /** A, and when it is complete, B: no cut may show B without A. */
  void pair(SimOp spec) {
    pairCount++;
    SimOp a = new SimOp(OpKind.PAIR, spec.device(), spec.slot(), 0, 1, spec.variant());
    SimOp b = new SimOp(OpKind.PAIR, spec.slot(), spec.device(), 0, 1, spec.variant());
    if (modify(BioOp.WRITE, a)) {
      modify(BioOp.WRITE, b);
    }
  }

  /** The number of the pair that a sector of a pair belongs to; 0 before the first. */
  int pairOf(byte[] cell) {
    return pairBySequence.getOrDefault(Stamp.sequence(cell, 0), 0);
  }
}
