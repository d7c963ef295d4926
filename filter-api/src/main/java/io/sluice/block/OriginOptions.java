package io.sluice.block;

/**
 * How an origin is opened.
 *
 * @param readOnly open for reading only, and take a shared lock instead of an exclusive one
 * @param direct bypass the page cache (O_DIRECT)
 * @param blockSizeBytes the block size to present, a power of two from 512 to 65536, or 0 for the
 *     device's own
 */
public record OriginOptions(boolean readOnly, boolean direct, int blockSizeBytes) {
  /** Read and write, cached, with the device's own block size. */
  public static final OriginOptions DEFAULT = new OriginOptions(false, false, 0);
}
