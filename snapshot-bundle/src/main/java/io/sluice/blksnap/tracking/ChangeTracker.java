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
 * <p>There are two maps. Writes go to the active one; {@link #commitTake}, called with the device
 * frozen, copies it to the held one, which then stands still until the next take (but for {@link
 * #markBoth}). {@link #mark} stores a byte without a lock: within an interval all writers store the
 * same number, and the gate's closing orders the stores before the copy. A reader of the held map
 * sees a mark once it has learned of the write in any way that synchronises.
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
  // Replaced as a whole at a take that finds another capacity; read once by each call.
  private volatile Maps maps;

  /** A map pair and its position; the fields change only in a take, with the device frozen. */
  private static final class Maps {
    final long capacityBytes;
    final int blockShift;
    final byte[] active;
    final byte[] held;
    volatile int activeNumber = 1;
    volatile int heldNumber;
    volatile UUID activeGeneration;
    volatile UUID heldGeneration;

    Maps(long capacityBytes, int blockShift, int blockCount, UUID generation) {
      this.capacityBytes = capacityBytes;
      this.blockShift = blockShift;
      this.active = new byte[blockCount];
      this.held = new byte[blockCount];
      this.activeGeneration = generation;
      this.heldGeneration = generation;
    }

    Maps(TrackerState state) {
      this.capacityBytes = state.capacityBytes();
      this.blockShift = state.blockShift();
      this.active = state.active();
      this.held = state.held();
      this.activeNumber = state.activeNumber();
      this.heldNumber = state.heldNumber();
      this.activeGeneration = state.activeGeneration();
      this.heldGeneration = state.heldGeneration();
    }
  }

  /** What a take needs and could fail to get, made before the device is frozen. */
  public static final class PreparedTake {
    private final Maps replacement;
    private final UUID nextGeneration;
    private final UUID gapGeneration;

    private PreparedTake(Maps replacement, UUID nextGeneration, UUID gapGeneration) {
      this.replacement = replacement;
      this.nextGeneration = nextGeneration;
      this.gapGeneration = gapGeneration;
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
            m.heldNumber,
            m.activeGeneration,
            m.heldGeneration,
            m.active,
            m.held));
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
    fill(m, m.active, (byte) m.activeNumber, offsetBytes, lengthBytes);
  }

  /**
   * A write may have passed unmarked. The held map is not concerned; the next take begins a new
   * generation, in which everything has changed. Never fails, allocates nothing.
   */
  public void gap() {
    gap = true;
  }

  /**
   * Marks a range in both maps: as changed now, and as changed before the last take. Excludes a
   * take, which no gate holds off here: a number read before the switch, stored after it, would
   * hide a later mark.
   */
  public synchronized void markBoth(long offsetBytes, long lengthBytes) {
    Maps m = maps;
    fill(m, m.active, (byte) m.activeNumber, offsetBytes, lengthBytes);
    fill(m, m.held, (byte) m.heldNumber, offsetBytes, lengthBytes);
  }

  private static void fill(Maps m, byte[] map, byte number, long offsetBytes, long lengthBytes) {
    if (lengthBytes <= 0 || offsetBytes >= m.capacityBytes) {
      return;
    }
    int first = (int) (offsetBytes >>> m.blockShift);
    long lastByte = Math.min(m.capacityBytes - offsetBytes, lengthBytes) - 1 + offsetBytes;
    int last = (int) (lastByte >>> m.blockShift);
    for (int block = first; block <= last; block++) {
      if (map[block] != number) { // a store would take the cache line from other writers
        map[block] = number;
      }
    }
  }

  /**
   * Marks ranges in both maps, all or none.
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
      markBoth(range.firstSector() << SECTOR_SHIFT, range.sectorCount() << SECTOR_SHIFT);
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
    return new PreparedTake(replacement, ids.get(), ids.get());
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
    System.arraycopy(m.active, 0, m.held, 0, m.active.length);
    m.heldNumber = m.activeNumber;
    m.heldGeneration = m.activeGeneration;
    if (m.activeNumber == NUMBER_MAX) {
      Arrays.fill(m.active, (byte) 0);
      m.activeNumber = 1;
      m.activeGeneration = prepared.nextGeneration;
    } else {
      m.activeNumber++;
    }
  }

  /** Sizes and position: those of the held map. */
  public CbtInfo info() {
    Maps m = maps;
    return new CbtInfo(
        device, m.capacityBytes, 1 << m.blockShift, m.held.length, m.heldGeneration, m.heldNumber);
  }

  /**
   * Copies a part of the held map.
   *
   * @throws ErrnoException ENODATA if the range leaves the map
   */
  public void readMap(long firstBlock, ByteBuffer target) throws ErrnoException {
    byte[] held = maps.held;
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
    Maps m = maps;
    if (!generation.equals(m.heldGeneration) || number < 0 || number > m.heldNumber) {
      throw new ErrnoException(
          Errno.ENODATA,
          "changes of "
              + device
              + " since "
              + generation
              + ":"
              + number
              + ": tracking is at "
              + m.heldGeneration
              + ":"
              + m.heldNumber
              + ", so that base is void; make a full backup");
    }
    List<SectorRange> ranges = new ArrayList<>();
    long sectorsPerBlock = 1L << (m.blockShift - SECTOR_SHIFT);
    long sectorCount = BlksnapParameters.sectorsOf(m.capacityBytes);
    int block = 0;
    while (block < m.held.length) {
      if ((m.held[block] & 0xff) <= number) {
        block++;
        continue;
      }
      int first = block;
      while (block < m.held.length && (m.held[block] & 0xff) > number) {
        block++;
      }
      long firstSector = first * sectorsPerBlock;
      long endSector = Math.min(block * sectorsPerBlock, sectorCount);
      ranges.add(new SectorRange(firstSector, endSector - firstSector));
    }
    return ranges;
  }
}
