package io.sluice.blksnap.tracking;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Change tracking of one device, as blksnap has it: one byte for each tracking block, the number of
 * the interval between two snapshots in which the block was last written.
 *
 * <p>Writes go to the active map; {@link #commitTake}, called with the device frozen, copies it to
 * a new one, which is the held map until the next take, and the snapshot's own for as long as that
 * is held. It stands still but for {@link #markAll}. {@link #mark} stores a byte without a lock:
 * within an interval all writers store the same number, and the gate's closing orders the stores
 * before the copy. A reader of the held map sees a mark once it has learned of the write in any way
 * that synchronises.
 *
 * <p>The numbers run from 1 to 255. The take that reaches 255 ends its generation: what is written
 * after it is tracked under the next one, while the held map keeps the old one until the next take.
 * (The kernel module goes on under one generation for two takes and so loses changes.) A generation
 * also ends when the device's length changes: then a write may have gone past the map; and after
 * {@link #gap}.
 */
public final class ChangeTracker {
  private static final int SECTOR_SHIFT = 9;
  private static final int NUMBER_MAX = 255;

  private final String device;
  private final BlksnapParameters parameters;
  private final Supplier<UUID> ids;

  // A write may have passed unmarked: the interval that runs ends the generation, at the next take.
  private volatile boolean gap;
  // What is marked by hand from now on would be known to nobody.
  private boolean handedOver;
  // The maps of the snapshots that are held. Guarded by this.
  private final ArrayList<TakenMap> kept = new ArrayList<>();
  // Replaced as a whole at a take that finds another capacity; read once by each call.
  private volatile Maps maps;

  /** A map pair and its position; the fields change only in a take, with the device frozen. */
  private static final class Maps {
    final long capacityBytes;
    final int blockShift;
    final byte[] active;
    volatile TakenMap held;
    volatile int activeNumber = 1;
    volatile UUID activeGeneration;

    Maps(long capacityBytes, int blockShift, int blockCount, UUID generation) {
      this.capacityBytes = capacityBytes;
      this.blockShift = blockShift;
      this.active = new byte[blockCount];
      this.activeGeneration = generation;
      this.held = new TakenMap(new byte[blockCount], capacityBytes, blockShift);
      held.take(generation, 0);
    }

    Maps(TrackerState state) {
      this.capacityBytes = state.capacityBytes();
      this.blockShift = state.blockShift();
      this.active = state.active();
      this.activeNumber = state.activeNumber();
      this.activeGeneration = state.activeGeneration();
      this.held = new TakenMap(state.held(), capacityBytes, blockShift);
      held.take(state.heldGeneration(), state.heldNumber());
    }
  }

  /** What a take needs and could fail to get, made before the device is frozen. */
  public static final class PreparedTake {
    private final Maps replacement;
    private final TakenMap map;
    private final UUID nextGeneration;
    private final UUID gapGeneration;

    private PreparedTake(Maps replacement, TakenMap map, UUID nextGeneration, UUID gapGeneration) {
      this.replacement = replacement;
      this.map = map;
      this.nextGeneration = nextGeneration;
      this.gapGeneration = gapGeneration;
    }

    /** The map that the take fills, and that belongs to its snapshot. */
    public TakenMap map() {
      return map;
    }
  }

  /**
   * Starts tracking with empty maps and a new generation.
   *
   * @param device the name, for messages
   * @param capacityBytes the device's length
   * @throws ErrnoException ENOMEM if the map has more blocks than an array can
   */
  public ChangeTracker(
      String device, long capacityBytes, BlksnapParameters parameters, Supplier<UUID> ids)
      throws ErrnoException {
    this.device = device;
    this.parameters = parameters;
    this.ids = ids;
    this.maps = newMaps(capacityBytes);
  }

  /**
   * Goes on where a tracker of the same device stopped; nothing has written to the device since.
   *
   * @param state of the same capacity, and the block size that the parameters make of it; owned by
   *     this tracker from now on
   */
  public ChangeTracker(
      String device, TrackerState state, BlksnapParameters parameters, Supplier<UUID> ids) {
    this.device = device;
    this.parameters = parameters;
    this.ids = ids;
    this.maps = new Maps(state);
  }

  /**
   * What is known now, for a tracker to come. No write may be under way, nor come afterwards: the
   * maps are handed over, not copied.
   *
   * @return empty after {@link #gap}
   */
  public synchronized Optional<TrackerState> state() {
    handedOver = true;
    if (gap) {
      return Optional.empty();
    }
    Maps m = maps;
    return Optional.of(
        new TrackerState(
            m.capacityBytes,
            m.blockShift,
            m.activeNumber,
            m.held.number(),
            m.activeGeneration,
            m.held.generation(),
            m.active,
            m.held.numbers));
  }

  private Maps newMaps(long capacityBytes) throws ErrnoException {
    int shift = parameters.trackingBlockShift(capacityBytes);
    long blockCount = BlksnapParameters.countOf(capacityBytes, shift);
    if (blockCount > Integer.MAX_VALUE - 8) {
      throw new ErrnoException(
          Errno.ENOMEM,
          "change tracking of "
              + device
              + ": "
              + blockCount
              + " tracking blocks of "
              + (1L << shift)
              + " bytes; raise tracking_block_maximum_shift");
    }
    return new Maps(capacityBytes, shift, (int) blockCount, ids.get());
  }

  /**
   * Marks a range that is about to be modified. Never fails, allocates nothing, and takes no lock;
   * a part beyond the tracked capacity is caught by the next take, which finds the new length.
   */
  public void mark(long offsetBytes, long lengthBytes) {
    Maps m = maps;
    fill(m, offsetBytes, lengthBytes);
  }

  /**
   * A write may have passed unmarked. The held map is not concerned; the next take begins a new
   * generation, in which everything has changed. Never fails, allocates nothing.
   */
  public void gap() {
    gap = true;
  }

  /**
   * Marks a range in all maps: as changed now, and as changed before the last take and before that
   * of each held snapshot. Excludes a take, which no gate holds off here: a number read before the
   * switch, stored after it, would hide a later mark.
   */
  public synchronized void markAll(long offsetBytes, long lengthBytes) {
    Maps m = maps;
    fill(m, offsetBytes, lengthBytes);
    m.held.mark(offsetBytes, lengthBytes);
    for (TakenMap map : kept) {
      map.mark(offsetBytes, lengthBytes);
    }
  }

  private static void fill(Maps m, long offsetBytes, long lengthBytes) {
    fill(m.active, (byte) m.activeNumber, m.blockShift, m.capacityBytes, offsetBytes, lengthBytes);
  }

  static void fill(
      byte[] map,
      byte number,
      int blockShift,
      long capacityBytes,
      long offsetBytes,
      long lengthBytes) {
    if (lengthBytes <= 0 || offsetBytes >= capacityBytes) {
      return;
    }
    int first = (int) (offsetBytes >>> blockShift);
    long lastByte = Math.min(capacityBytes - offsetBytes, lengthBytes) - 1 + offsetBytes;
    int last = (int) (lastByte >>> blockShift);
    for (int block = first; block <= last; block++) {
      if (map[block] != number) { // a store would take the cache line from other writers
        map[block] = number;
      }
    }
  }

  /**
   * Marks ranges in all maps, all or none.
   *
   * @throws ErrnoException EINVAL if a range is empty or ends past the tracked capacity; ESRCH
   *     after {@link #state}
   */
  public synchronized void markDirty(List<SectorRange> ranges) throws ErrnoException {
    if (handedOver) {
      throw new ErrnoException(
          Errno.ESRCH, "device " + device + " is being detached; nothing was marked");
    }
    long sectorCount = BlksnapParameters.sectorsOf(maps.capacityBytes);
    for (SectorRange range : ranges) {
      if (range.firstSector() < 0
          || range.sectorCount() < 1
          || range.sectorCount() > sectorCount - range.firstSector()) {
        throw new ErrnoException(
            Errno.EINVAL,
            "dirty range "
                + range.firstSector()
                + ":"
                + range.sectorCount()
                + " on "
                + device
                + ": it must lie within the device's "
                + sectorCount
                + " sectors and not be empty; nothing was marked");
      }
    }
    for (SectorRange range : ranges) {
      markAll(range.firstSector() << SECTOR_SHIFT, range.sectorCount() << SECTOR_SHIFT);
    }
  }

  /**
   * Makes ready for a take. May allocate; changes nothing.
   *
   * @param capacityBytes the device's length now
   * @throws ErrnoException ENOMEM as the constructor
   */
  public PreparedTake prepareTake(long capacityBytes) throws ErrnoException {
    Maps replacement = capacityBytes == maps.capacityBytes ? null : newMaps(capacityBytes);
    Maps next = replacement == null ? maps : replacement;
    TakenMap map = TakenMap.allocate(device, capacityBytes, next.blockShift, next.active.length);
    synchronized (this) {
      kept.ensureCapacity(kept.size() + 1);
    }
    return new PreparedTake(replacement, map, ids.get(), ids.get());
  }

  /**
   * Switches the maps. The device is frozen, and its length is still the one that was prepared for.
   * Can't fail.
   */
  public synchronized void commitTake(PreparedTake prepared) {
    Maps m = maps;
    if (prepared.replacement != null) {
      m = prepared.replacement;
      maps = m;
    } else if (gap) {
      m.activeGeneration = prepared.gapGeneration;
      m.activeNumber = 1;
      Arrays.fill(m.active, (byte) 1);
    }
    gap = false;
    TakenMap map = prepared.map;
    System.arraycopy(m.active, 0, map.numbers, 0, m.active.length);
    map.take(m.activeGeneration, m.activeNumber);
    m.held = map;
    kept.add(map);
    if (m.activeNumber == NUMBER_MAX) {
      Arrays.fill(m.active, (byte) 0);
      m.activeNumber = 1;
      m.activeGeneration = prepared.nextGeneration;
    } else {
      m.activeNumber++;
    }
  }

  /** A snapshot's map is of no use to anybody any more; nothing if it was not in a take. */
  public synchronized void drop(TakenMap map) {
    kept.remove(map);
  }

  /** Sizes and position: those of the held map. */
  public CbtInfo info() {
    TakenMap held = maps.held;
    return new CbtInfo(
        device,
        held.capacityBytes,
        1 << held.blockShift,
        held.numbers.length,
        held.generation(),
        held.number());
  }

  /**
   * Copies a part of the held map.
   *
   * @throws ErrnoException ENODATA if the range leaves the map
   */
  public void readMap(long firstBlock, ByteBuffer target) throws ErrnoException {
    byte[] held = maps.held.numbers;
    if (firstBlock < 0
        || firstBlock > held.length
        || target.remaining() > held.length - firstBlock) {
      throw new ErrnoException(
          Errno.ENODATA,
          "change map of "
              + device
              + ", blocks "
              + firstBlock
              + "+"
              + target.remaining()
              + ": the map has "
              + held.length
              + " blocks");
    }
    target.put(held, (int) firstBlock, target.remaining());
  }

  /**
   * The ranges whose byte in the held map is above {@code number}.
   *
   * @throws ErrnoException ENODATA if the base is void
   */
  public List<SectorRange> changedSince(UUID generation, int number) throws ErrnoException {
    TakenMap held = maps.held;
    if (!generation.equals(held.generation()) || number < 0 || number > held.number()) {
      throw new ErrnoException(
          Errno.ENODATA,
          "changes of "
              + device
              + " since "
              + generation
              + ":"
              + number
              + ": tracking is at "
              + held.generation()
              + ":"
              + held.number()
              + ", so that base is void; make a full backup");
    }
    List<SectorRange> ranges = new ArrayList<>();
    long sectorsPerBlock = 1L << (held.blockShift - SECTOR_SHIFT);
    long sectorCount = BlksnapParameters.sectorsOf(held.capacityBytes);
    int block = 0;
    while (block < held.numbers.length) {
      if (!held.isChanged(block, number)) {
        block++;
        continue;
      }
      int first = block;
      while (block < held.numbers.length && held.isChanged(block, number)) {
        block++;
      }
      long firstSector = first * sectorsPerBlock;
      long endSector = Math.min(block * sectorsPerBlock, sectorCount);
      ranges.add(new SectorRange(firstSector, endSector - firstSector));
    }
    return ranges;
  }
}
