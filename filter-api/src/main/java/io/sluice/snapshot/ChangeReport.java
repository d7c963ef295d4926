package io.sluice.snapshot;

import java.util.List;

/**
 * Where the changes of a device are, and what they consist of.
 *
 * @param tracking sizes and position of the map that was looked at; the changes go up to its number
 * @param sinceNumber of the earlier snapshot, in the same generation
 * @param changedBytes the changed ranges' length
 * @param runCount how many ranges they are, neighbours merged
 * @param regions parts of equal length, at most {@link #REGION_COUNT_MAX} on the whole device, with
 *     changes in them, the most changed first
 * @param runs the longest ranges, longest first
 * @param zeroBytes how many of the changed bytes are known to read as zeroes
 * @param zeroSource whose block status tells so: the image of the snapshot that the map ends at, or
 *     the live device, which may have changed since, if that image is gone
 * @param sizes what the tracking block, and coarser ones, make of the changes, finest first
 * @param recentImage the newest held image, for {@code recentSizes}; empty if there is none
 * @param recentSizes what tracking blocks of the size of the image's chunk and coarser, up to the
 *     present one, would make of what was written since that image was taken; empty if it is not
 *     known
 * @param recentUnknown why {@code recentSizes} is empty; empty if it is not
 */
public record ChangeReport(
    CbtInfo tracking,
    int sinceNumber,
    long changedBytes,
    long runCount,
    List<ChangedRegion> regions,
    List<SectorRange> runs,
    long zeroBytes,
    String zeroSource,
    List<BlockSizeEffect> sizes,
    String recentImage,
    List<BlockSizeEffect> recentSizes,
    String recentUnknown) {
  /** How many regions a device is cut into at most. */
  public static final int REGION_COUNT_MAX = 64;

  /** How many regions and runs can be asked for at most. */
  public static final int TOP_COUNT_MAX = 1024;

  /** Copies the lists. */
  public ChangeReport {
    regions = List.copyOf(regions);
    runs = List.copyOf(runs);
    sizes = List.copyOf(sizes);
    recentSizes = List.copyOf(recentSizes);
  }
}
