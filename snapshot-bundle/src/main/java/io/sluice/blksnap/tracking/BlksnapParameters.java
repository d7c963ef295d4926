package io.sluice.blksnap.tracking;

import io.sluice.block.DeviceGeometry;

/**
 * The parameters of the kernel module under their names there, clamped as it clamps them at load.
 *
 * <p>Two defaults differ, because ours cost less: {@code chunkMinimumShift} is 12 (the kernel's
 * 18), so a small random write copies 4 KiB and not 256; and {@code chunkMaximumCountShift} is 28
 * (40), which bounds the bit map of saved chunks to 32 MiB for each device.
 *
 * @param trackingBlockMinimumShift the smallest tracking block, log2 of bytes
 * @param trackingBlockMaximumShift the largest tracking block, log2 of bytes
 * @param trackingBlockMaximumCount how many tracking blocks before they double
 * @param chunkMinimumShift the smallest chunk, log2 of bytes
 * @param chunkMaximumShift the largest chunk, log2 of bytes
 * @param chunkMaximumCountShift how many chunks of one device before they double, log2
 * @param chunkMapMaximumCount how many chunks may be in a store at its limit before they double; it
 *     bounds the memory of the map from chunk to store
 * @param diffStorageMinimumSectors the portion by which a store grows
 */
public record BlksnapParameters(
    int trackingBlockMinimumShift,
    int trackingBlockMaximumShift,
    int trackingBlockMaximumCount,
    int chunkMinimumShift,
    int chunkMaximumShift,
    int chunkMaximumCountShift,
    int chunkMapMaximumCount,
    long diffStorageMinimumSectors) {

  /** The limit of {@link #chunkMaximumCountShift()}: chunk numbers are kept in 28 bits. */
  public static final int CHUNK_COUNT_SHIFT_MAX = 28;

  /** The largest block or chunk: 1 GiB, so that its size is an int. */
  public static final int SHIFT_MAX = 30;

  private static final int SECTOR_SHIFT = 9;

  /** What is used when nothing is configured. */
  public static final BlksnapParameters DEFAULT =
      new BlksnapParameters(16, 26, 2_097_152, 12, 26, 28, 4_194_304, 2_097_152);

  /** Clamps as the kernel does, and to the limits above. */
  public BlksnapParameters {
    trackingBlockMinimumShift = clamp(trackingBlockMinimumShift, SECTOR_SHIFT, SHIFT_MAX);
    trackingBlockMaximumShift =
        clamp(trackingBlockMaximumShift, trackingBlockMinimumShift, SHIFT_MAX);
    trackingBlockMaximumCount = Math.max(1, trackingBlockMaximumCount);
    chunkMinimumShift = clamp(chunkMinimumShift, SECTOR_SHIFT, SHIFT_MAX);
    chunkMaximumShift = clamp(chunkMaximumShift, chunkMinimumShift, SHIFT_MAX);
    chunkMaximumCountShift = clamp(chunkMaximumCountShift, 1, CHUNK_COUNT_SHIFT_MAX);
    chunkMapMaximumCount = Math.max(1, chunkMapMaximumCount);
    long chunkSectors = 1L << (chunkMinimumShift - SECTOR_SHIFT);
    diffStorageMinimumSectors =
        Math.max(diffStorageMinimumSectors, 2 * chunkSectors) / chunkSectors * chunkSectors;
  }

  /** The portion by which a store grows, in bytes. */
  public long diffStorageMinimumBytes() {
    return diffStorageMinimumSectors << SECTOR_SHIFT;
  }

  /**
   * The tracking block of a device: the smallest that keeps the map within its count, until the
   * largest block is reached.
   *
   * @param capacityBytes the device's length
   * @return log2 of the block in bytes
   */
  public int trackingBlockShift(long capacityBytes) {
    int shift = trackingBlockMinimumShift;
    while (shift < trackingBlockMaximumShift
        && countOf(capacityBytes, shift) > trackingBlockMaximumCount) {
      shift++;
    }
    return shift;
  }

  /**
   * The chunk of a device: the smallest that keeps the number of chunks, on the device and in a
   * full store, within their counts.
   *
   * @param capacityBytes the device's length
   * @param limitBytes how far the store may grow
   * @param blockSizeBytes the device's block size
   * @return log2 of the chunk in bytes; more than {@link #chunkMaximumShift()} if there is none
   */
  public int chunkShift(long capacityBytes, long limitBytes, int blockSizeBytes) {
    int shift = chunkMinimumShift;
    while (shift < SHIFT_MAX
        && (countOf(capacityBytes, shift) > 1L << chunkMaximumCountShift
            || 1 << shift < blockSizeBytes)) {
      shift++;
    }
    while (shift < chunkMaximumShift
        && countOf(Math.min(limitBytes, capacityBytes), shift) > chunkMapMaximumCount) {
      shift++;
    }
    return shift;
  }

  /** How many units of {@code 2^shift} bytes cover a length; the last may be short. */
  public static long countOf(long lengthBytes, int shift) {
    return (lengthBytes >>> shift) + ((lengthBytes & ((1L << shift) - 1)) == 0 ? 0 : 1);
  }

  /** Sectors covering a length in bytes. */
  public static long sectorsOf(long lengthBytes) {
    return countOf(lengthBytes, Integer.numberOfTrailingZeros(DeviceGeometry.SECTOR_SIZE_BYTES));
  }

  private static int clamp(int value, int least, int most) {
    return Math.min(Math.max(value, least), most);
  }
}
