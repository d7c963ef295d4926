package io.sluice.simulator.device;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import io.sluice.block.StorageIdentity;
import io.sluice.simulator.schedule.SimFailure;
import io.sluice.simulator.schedule.SimRandom;
import io.sluice.simulator.schedule.SimScheduler;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.Optional;

/**
 * An origin in memory, divided into cells of its block size. Each bio moves cell by cell with a
 * switch point before, after and (as the seed says) in between, so that whoever fails to keep bios
 * apart sees them torn.
 */
public final class SimDisk implements OriginDevice {
  private final SimScheduler scheduler;
  private final SimRandom random;
  private final Faults faults;
  private final FaultListener listener;
  private final String name;
  private final int index;
  // Replaced as a whole when the disk grows; no bio keeps it over a switch point.
  private byte[] bytes;
  private final int cellBytes;
  private final boolean discardZeroes;
  private DeviceGeometry geometry;
  private final BitSet holes = new BitSet();
  private int inFlight;
  private boolean closed;
  private boolean lost;
  private int changes;
  private int growths;

  /**
   * @param cellBytes the block size
   * @param cellCount how many blocks
   * @param discardZeroes whether a discarded cell reads zeroes; else it reads what no write wrote
   */
  public SimDisk(
      SimScheduler scheduler,
      SimRandom random,
      Faults faults,
      FaultListener listener,
      int index,
      int cellBytes,
      int cellCount,
      boolean discardZeroes) {
    this.scheduler = scheduler;
    this.random = random;
    this.faults = faults;
    this.listener = listener;
    this.index = index;
    this.name = "disk-" + index;
    this.cellBytes = cellBytes;
    this.bytes = new byte[cellBytes * cellCount];
    this.discardZeroes = discardZeroes;
    this.geometry = newGeometry();
    holes.set(0, cellCount);
  }

  private DeviceGeometry newGeometry() {
    return new DeviceGeometry(
        bytes.length,
        cellBytes,
        Math.max(cellBytes, 4096),
        false,
        false,
        EnumSet.allOf(BioOp.class));
  }

  /** Makes it longer, by holes. Its stamp stays: nothing was written. */
  public void grow(int cellCount) {
    holes.set(cellCount(), cellCount);
    bytes = Arrays.copyOf(bytes, cellCount * cellBytes);
    geometry = newGeometry();
    growths++;
  }

  /** How often it has grown. */
  public int growths() {
    return growths;
  }

  /** Its number, from 0. */
  public int index() {
    return index;
  }

  /** Its name: {@code "disk-0"}. */
  public String name() {
    return name;
  }

  /** The bytes themselves, for the oracle; others once it has grown. */
  public byte[] bytes() {
    return bytes;
  }

  /** The block size. */
  public int cellBytes() {
    return cellBytes;
  }

  /** How many blocks. */
  public int cellCount() {
    return bytes.length / cellBytes;
  }

  /** Whether a discarded cell reads zeroes. */
  public boolean discardZeroes() {
    return discardZeroes;
  }

  /** Fills it before the run, past all layers. */
  public void fill(int cell, byte[] content) {
    System.arraycopy(content, 0, bytes, cell * cellBytes, cellBytes);
    holes.clear(cell);
  }

  /** Whether it is gone for now, and fails all that is asked of it. */
  public void lost(boolean value) {
    lost = value;
  }

  /** Whether it is gone for now. */
  public boolean isLost() {
    return lost;
  }

  @Override
  public Optional<String> contentStamp() {
    return lost ? Optional.empty() : Optional.of(stamp());
  }

  /** As {@link #contentStamp}, for the oracle, whatever has happened. */
  public String stamp() {
    return "after " + changes + " changes";
  }

  private Errno strike(FaultSite site) {
    Errno errno = faults.strike(site);
    return lost ? Errno.EIO : errno;
  }

  /** Bios in it now. */
  public int inFlight() {
    return inFlight;
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public boolean mayBlock() {
    return true;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    scheduler.yieldPoint();
    if (closed) {
      throw new ErrnoException(Errno.ESHUTDOWN, bio + " on " + name);
    }
    geometry.check(bio, name);
    inFlight++;
    try {
      IoRecord record = (IoRecord) scheduler.current().attachment();
      switch (bio.op()) {
        case READ -> read(bio, record);
        case FLUSH -> flush(record);
        case WRITE, WRITE_ZEROES, DISCARD -> modify(bio, record);
      }
    } finally {
      inFlight--;
    }
    scheduler.yieldPoint();
  }

  private void read(Bio bio, IoRecord record) throws ErrnoException {
    if (bio.flags() != 0) {
      throw scheduler.fail(new SimFailure("P1 origin: flags on a read: " + bio + " on " + name));
    }
    boolean copy = record == null || record.liveOp != BioOp.READ;
    if (record != null) {
      record.originReads++;
      record.originReadEnds.set((int) bio.endBytes());
    }
    Errno errno = strike(copy ? FaultSite.ORIGIN_COPY_READ : FaultSite.ORIGIN_READ);
    ByteBuffer data = bio.data();
    if (errno != null) {
      if (record != null) {
        record.copyReadFailed |= copy;
        record.originReadFailed |= !copy;
      }
      if (copy) {
        listener.copyReadFailed(this);
      }
      while (data.hasRemaining()) {
        data.put((byte) 0xEE); // what a failed read leaves is undefined
      }
      throw new ErrnoException(errno, bio + " on " + name + ": injected");
    }
    int offset = (int) bio.offsetBytes();
    int end = (int) bio.endBytes();
    int tear = tearAt(end - offset);
    for (int at = offset; at < end; at += cellBytes) {
      if (at == offset + tear) {
        scheduler.yieldPoint();
      }
      data.put(bytes, at, cellBytes);
    }
  }

  /** The byte within a bio at which it is torn, a cell's start; 0 for none. */
  private int tearAt(int lengthBytes) {
    int cells = lengthBytes / cellBytes;
    return cells < 2 ? 0 : random.below(cells) * cellBytes;
  }

  private void flush(IoRecord record) throws ErrnoException {
    if (record != null) {
      record.originFlushes++;
    }
    Errno errno = strike(FaultSite.ORIGIN_FLUSH);
    if (errno != null) {
      if (record != null) {
        record.originWriteFailed = true;
      }
      throw new ErrnoException(errno, "flush of " + name + ": injected");
    }
  }

  private void modify(Bio bio, IoRecord record) throws ErrnoException {
    if (record == null || record.liveOp != bio.op() || record.device != index) {
      throw scheduler.fail(
          new SimFailure(
              "P1 origin: nobody asked for " + bio + " on " + name + ", but it arrived"));
    }
    if (bio.flags() != record.flags) {
      throw scheduler.fail(
          new SimFailure(
              "P1 origin: flags " + record.flags + " became " + bio.flags() + ": " + bio));
    }
    record.originWrites++;
    changes++;
    Errno errno = strike(FaultSite.ORIGIN_WRITE);
    int cells = (int) bio.lengthBytes() / cellBytes;
    int stored = errno == null ? cells : random.below(cells + 1);
    store(bio, stored);
    if (errno != null) {
      record.originWriteFailed = true;
      throw new ErrnoException(
          errno, bio + " on " + name + ": injected after " + stored + " blocks");
    }
    record.originBytesWritten += bio.lengthBytes();
  }

  private void store(Bio bio, int cells) {
    int first = (int) bio.offsetBytes() / cellBytes;
    int tear = tearAt((int) bio.lengthBytes()) / cellBytes;
    for (int i = 0; i < cells; i++) {
      if (i > 0 && i == tear) {
        scheduler.yieldPoint();
      }
      int at = (first + i) * cellBytes;
      if (bio.op() == BioOp.WRITE) {
        bio.data().get(bytes, at, cellBytes);
      } else if (bio.op() == BioOp.WRITE_ZEROES || discardZeroes) {
        Arrays.fill(bytes, at, at + cellBytes, (byte) 0);
      } else {
        Arrays.fill(bytes, at, at + cellBytes, DISCARDED);
      }
      boolean hole =
          bio.op() == BioOp.DISCARD || (bio.op() == BioOp.WRITE_ZEROES && !bio.has(Bio.NO_UNMAP));
      holes.set(first + i, hole);
    }
  }

  /** What a discarded cell reads on a disk whose discards do not zero. */
  public static final byte DISCARDED = (byte) 0xD1;

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    OriginDevice.super.status(offsetBytes, lengthBytes, (length, state) -> false); // checks
    scheduler.yieldPoint();
    Errno errno = strike(FaultSite.ORIGIN_STATUS);
    if (errno != null) {
      IoRecord record = (IoRecord) scheduler.current().attachment();
      if (record != null) {
        record.originReadFailed = true;
      }
      listener.copyReadFailed(this);
      throw new ErrnoException(errno, "block status of " + name + ": injected");
    }
    // Collected first: the answer is true at one moment, and the visitor may take its time.
    int first = (int) (offsetBytes / cellBytes);
    int end = (int) Math.min((offsetBytes + lengthBytes + cellBytes - 1) / cellBytes, cellCount());
    long endBytes = Math.min(offsetBytes + lengthBytes, bytes.length); // it may grow meanwhile
    int[] states = new int[end - first];
    for (int cell = first; cell < end; cell++) {
      states[cell - first] = stateOf(cell);
    }
    scheduler.yieldPoint();
    report(states, offsetBytes, endBytes, visitor);
  }

  private void report(int[] states, long startBytes, long endBytes, ExtentVisitor visitor) {
    long first = startBytes / cellBytes;
    long at = startBytes;
    while (at < endBytes) {
      int i = (int) (at / cellBytes - first);
      int next = i + 1;
      while (next < states.length && states[next] == states[i] && !random.chance(20)) {
        next++;
      }
      long extentEnd = Math.min((first + next) * cellBytes, endBytes);
      if (!visitor.extent(extentEnd - at, states[i]) || random.chance(20)) {
        return; // the device may stop before the range's end
      }
      at = extentEnd;
    }
  }

  private int stateOf(int cell) {
    int state = holes.get(cell) ? ExtentVisitor.HOLE : ExtentVisitor.DATA;
    for (int i = cell * cellBytes; i < (cell + 1) * cellBytes; i++) {
      if (bytes[i] != 0) {
        return state;
      }
    }
    return holes.get(cell) ? state | ExtentVisitor.ZERO : state;
  }

  @Override
  public String path() {
    return "/sim/" + name;
  }

  @Override
  public StorageIdentity identity() {
    return new StorageIdentity(false, 1, index + 1);
  }

  @Override
  public void close() {
    closed = true;
  }
}
