package io.sluice.simulator.oracle;

import io.sluice.block.BlockDevice;
import io.sluice.simulator.device.SimDiffStore;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

/**
 * What is known of one snapshot: its life, a full copy of the bytes of each device at the take, and
 * what excuses an image that is lost.
 */
public final class SnapshotOracle {
  /** A snapshot's life; the transitions are states too, for others see them. */
  public enum State {
    CREATING,
    CREATED,
    TAKING,
    TAKEN,
    DESTROYING
  }

  /** One device's part. */
  public static final class Part {
    /** The device's number. */
    public final int device;

    /** Cells changed on the device since the take. */
    public final BitSet touchedCells = new BitSet();

    /** Cells changed on the device since the take and before the device's next one. */
    public final BitSet firstTouchedCells = new BitSet();

    /** Cells changed on the image. */
    public final BitSet writtenCells = new BitSet();

    /** The full copy, made while the device was frozen. */
    public byte[] atTake;

    /** {@link TrackingOracle#position()} just after the cut. */
    public int positionAtCut;

    /** The image as the engine published it; null when it is not. */
    public BlockDevice image;

    /** What the image may read. */
    public CellModel model;

    /** Stands for the image in stamps. */
    public int owner;

    /** A fault struck that may cost the image. */
    public boolean excused;

    /** The verb that adds it has not returned. */
    public boolean pending;

    /** That fault was a read of the origin. */
    public boolean lostByOrigin;

    /** The filter left the device, in a race that it could not forbid. */
    public boolean detached;

    /** It left while the verb that adds the device was under way: before or after, nobody knows. */
    public boolean mayBeDetached;

    /** The unit of copy-on-write, once taken; 0 before. */
    public int chunkBytes;

    /** CORRUPTED events seen. */
    public int corruptedEvents;

    Part(int device) {
      this.device = device;
    }
  }

  /** One of its stores, from when it is asked for. */
  public static final class StoreUse {
    /** The store argument. */
    public final String name;

    /** How far it may grow. */
    public final long limitBytes;

    /** The store, once opened. */
    public SimDiffStore store;

    /** The capacity it had at first. */
    public long firstCapacityBytes;

    StoreUse(String name, long limitBytes) {
      this.name = name;
      this.limitBytes = limitBytes;
    }

    private boolean mayOverflow() {
      return limitBytes < Long.MAX_VALUE
          || (store != null && store.capacityMaxBytes() < Long.MAX_VALUE);
    }
  }

  private final StoreUse first;
  private final Map<String, StoreUse> stores = new LinkedHashMap<>();
  private final Map<Integer, Part> parts = new TreeMap<>();

  /** Its life. */
  public State state = State.CREATING;

  /** Its id, once created. */
  public UUID id;

  /** What its images are called after: the name given, or the id. */
  public String label;

  /** Takes are numbered; 0 before it. */
  public int order;

  /** The unit of copy-on-write asked for, or 0. */
  public int chunkSizeBytes;

  /** A store of it could not be taken over. */
  public boolean storeLost;

  /** Tasks that add or move stores now: what fails for them harms nothing. */
  public final Set<Object> changers = new HashSet<>();

  /** Counts when such a task begins and ends. */
  public int changes;

  /** Stores were added to it or moved. */
  public boolean storesChanged;

  /** NO_SPACE events seen. */
  public int noSpaceEvents;

  /**
   * @param storeName the store argument it is created with
   * @param limitBytes how far the store may grow
   */
  public SnapshotOracle(String storeName, long limitBytes) {
    this.first = addStore(storeName, limitBytes);
  }

  /** The store it is created with. */
  public StoreUse firstStore() {
    return first;
  }

  /** Another store is asked for. */
  public StoreUse addStore(String name, long limitBytes) {
    StoreUse use = new StoreUse(name, limitBytes);
    stores.put(name, use);
    return use;
  }

  /** A store came to nothing. */
  public void removeStore(String name) {
    stores.remove(name);
  }

  /** Its store of this name, or null. */
  public StoreUse store(String name) {
    return stores.get(name);
  }

  /** All that it has or had. */
  public List<StoreUse> stores() {
    return new ArrayList<>(stores.values());
  }

  /** Puts a device in. */
  public void add(int device) {
    parts.put(device, new Part(device));
  }

  /** Takes a device out that was not added after all. */
  public void remove(int device) {
    parts.remove(device);
  }

  /** A device's part, or null. */
  public Part part(int device) {
    return parts.get(device);
  }

  /** All parts, by device. */
  public List<Part> parts() {
    return new ArrayList<>(parts.values());
  }

  /** Whether there are images to read. */
  public boolean isHeld() {
    return state == State.TAKING || state == State.TAKEN;
  }

  /** Excuses the loss of all images. */
  public void excuseAll() {
    for (Part part : parts.values()) {
      part.excused = true;
    }
  }

  /** How many chunks of a part may be in the store: saved, or written to the image. */
  public int touchedChunks(Part part, int cellBytes) {
    return chunks(part, part.touchedCells, cellBytes) + chunks(part, part.writtenCells, cellBytes);
  }

  /** As above, if what a later snapshot of the device has is not here too. */
  public int firstTouchedChunks(Part part, int cellBytes) {
    return chunks(part, part.firstTouchedCells, cellBytes)
        + chunks(part, part.writtenCells, cellBytes);
  }

  /** Chunks beyond the image's end, which the device may have by now, are none of its own. */
  private static int chunks(Part part, BitSet cells, int cellBytes) {
    int chunks = 0;
    long last = -1;
    long mostChunk = (part.atTake.length - 1L) / part.chunkBytes;
    for (int cell = cells.nextSetBit(0); cell >= 0; cell = cells.nextSetBit(cell + 1)) {
      long first = (long) cell * cellBytes / part.chunkBytes;
      long end = Math.min(((long) (cell + 1) * cellBytes - 1) / part.chunkBytes, mostChunk);
      chunks += (int) Math.max(0, end - Math.max(first, last + 1) + 1);
      last = end;
    }
    return chunks;
  }

  /** Whether there is an end to a store. */
  public boolean mayOverflow() {
    return stores.values().stream().anyMatch(StoreUse::mayOverflow);
  }

  /** Whether what was touched does not fit the store. */
  public boolean overLimit(int[] cellBytesByDevice) {
    if (storesChanged) {
      return mayOverflow(); // how much the earlier ones hold is the engine's affair
    }
    long neededBytes = 0;
    for (Part part : parts.values()) {
      if (part.chunkBytes == 0) {
        return true; // not known yet
      }
      neededBytes += (long) touchedChunks(part, cellBytesByDevice[part.device]) * part.chunkBytes;
    }
    long mostBytes = Math.max(first.limitBytes, first.firstCapacityBytes);
    if (first.store != null) {
      mostBytes = Math.min(mostBytes, first.store.capacityMaxBytes());
    }
    // A limit that is no multiple of the chunk leaves an end where none fits.
    return neededBytes > mostBytes;
  }
}
