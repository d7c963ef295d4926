package io.sluice.blksnap.tracking;

import io.sluice.block.DeviceGeometry;
import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangedRegion;
import io.sluice.snapshot.SectorRange;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/** Changed ranges of a device, looked at by place, by length, and by the size of a block. */
public final class ChangeShape {
  /** The coarsest tracking block that is worth a thought: 64 MiB. */
  private static final int COARSEST_SHIFT = 26;

  private static final Comparator<SectorRange> LONGEST_FIRST =
      Comparator.comparingLong(SectorRange::sectorCount)
          .reversed()
          .thenComparingLong(SectorRange::firstSector);

  private final List<SectorRange> ranges;
  private final long capacityBytes;

  /**
   * @param ranges in order, apart from each other, the last one clipped to the device's sectors
   * @param capacityBytes the device's length, which need not be whole sectors
   */
  public ChangeShape(List<SectorRange> ranges, long capacityBytes) {
    this.ranges = ranges;
    this.capacityBytes = capacityBytes;
  }

  private static long startBytes(SectorRange range) {
    return range.firstSector() * DeviceGeometry.SECTOR_SIZE_BYTES;
  }

  private long endBytes(SectorRange range) {
    return Math.min(
        startBytes(range) + range.sectorCount() * DeviceGeometry.SECTOR_SIZE_BYTES, capacityBytes);
  }

  /** The ranges' length in bytes. */
  public long changedBytes() {
    return ranges.stream().mapToLong(range -> endBytes(range) - startBytes(range)).sum();
  }

  /** The longest ranges, longest first; of equal ones the first first. */
  public List<SectorRange> longest(int topCount) {
    PriorityQueue<SectorRange> top = new PriorityQueue<>(LONGEST_FIRST.reversed());
    for (SectorRange range : ranges) {
      top.add(range);
      if (top.size() > topCount) {
        top.remove();
      }
    }
    return top.stream().sorted(LONGEST_FIRST).toList();
  }

  /**
   * The device cut into parts of 2^n bytes; those with changes, the most changed first, of equal
   * ones the first first.
   *
   * @param blockShift log2 of the least part
   */
  public List<ChangedRegion> regions(int blockShift, int topCount) {
    int shift = blockShift;
    while (BlksnapParameters.countOf(capacityBytes, shift) > ChangeReport.REGION_COUNT_MAX) {
      shift++;
    }
    long[] changedBytes = new long[(int) BlksnapParameters.countOf(capacityBytes, shift)];
    for (SectorRange range : ranges) {
      long end = endBytes(range);
      for (long at = startBytes(range); at < end; ) {
        int region = (int) (at >>> shift);
        long next = Math.min(end, (region + 1L) << shift);
        changedBytes[region] += next - at;
        at = next;
      }
    }
    List<ChangedRegion> regions = new ArrayList<>();
    for (int i = 0; i < changedBytes.length; i++) {
      if (changedBytes[i] > 0) {
        long start = (long) i << shift;
        long length = Math.min(1L << shift, capacityBytes - start);
        regions.add(
            new ChangedRegion(
                start / DeviceGeometry.SECTOR_SIZE_BYTES,
                BlksnapParameters.sectorsOf(length),
                changedBytes[i]));
      }
    }
    regions.sort(Comparator.comparingLong(ChangedRegion::changedBytes).reversed());
    return regions.subList(0, Math.min(topCount, regions.size()));
  }

  /** What blocks make of the ranges, from a size up to 64 MiB or one that covers the device. */
  public List<BlockSizeEffect> coarser(int firstShift) {
    int lastShift = firstShift;
    while (lastShift < COARSEST_SHIFT && BlksnapParameters.countOf(capacityBytes, lastShift) > 1) {
      lastShift++;
    }
    return sizes(firstShift, lastShift);
  }

  /** What blocks of 2^{@code firstShift} to 2^{@code lastShift} bytes make of the ranges. */
  public List<BlockSizeEffect> sizes(int firstShift, int lastShift) {
    List<BlockSizeEffect> effects = new ArrayList<>();
    for (int shift = firstShift; shift <= lastShift; shift++) {
      effects.add(size(shift));
    }
    return effects;
  }

  private BlockSizeEffect size(int shift) {
    long blockCount = 0;
    long lastBlock = -1; // ranges may share a block with their neighbours
    for (SectorRange range : ranges) {
      long first = Math.max(startBytes(range) >>> shift, lastBlock + 1);
      lastBlock = Math.max(lastBlock, (endBytes(range) - 1) >>> shift);
      blockCount += lastBlock - first + 1;
    }
    long pastEndBytes = Math.max(0, ((lastBlock + 1) << shift) - capacityBytes);
    return new BlockSizeEffect(1 << shift, blockCount, (blockCount << shift) - pastEndBytes);
  }
}
