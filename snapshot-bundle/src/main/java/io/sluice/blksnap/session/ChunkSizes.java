package io.sluice.blksnap.session;

import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;

/** The unit of copy-on-write of a device in a snapshot, and what it makes a store need. */
final class ChunkSizes {
  private static final int CHUNK_SIZE_MIN_BYTES = 4096;

  private final BlksnapParameters parameters;

  ChunkSizes(BlksnapParameters parameters) {
    this.parameters = parameters;
  }

  /**
   * Checks a size that somebody asks for.
   *
   * @throws ErrnoException EINVAL unless it is 0 or a power of two within the limits
   */
  void check(int chunkSizeBytes) throws ErrnoException {
    int chunkMaxBytes = 1 << parameters.chunkMaximumShift();
    if (chunkSizeBytes != 0
        && (Integer.bitCount(chunkSizeBytes) != 1
            || chunkSizeBytes < CHUNK_SIZE_MIN_BYTES
            || chunkSizeBytes > chunkMaxBytes)) {
      throw new ErrnoException(
          Errno.EINVAL,
          "chunk size "
              + chunkSizeBytes
              + ": a power of two from "
              + CHUNK_SIZE_MIN_BYTES
              + " to "
              + chunkMaxBytes
              + " bytes, or none for the best fit");
    }
  }

  /** What a device's old data can need at most: each chunk once, the short last one whole. */
  long roomBytes(Snapshot snapshot, TrackedDevice device) throws ErrnoException {
    long sizeBytes = device.host().lower().geometry().sizeBytes();
    int shift = chunkShift(snapshot, device, sizeBytes, sizeBytes);
    return BlksnapParameters.countOf(sizeBytes, shift) << shift;
  }

  int chunkShift(Snapshot snapshot, TrackedDevice device, long sizeBytes, long limitBytes)
      throws ErrnoException {
    int blockSizeBytes = device.host().lower().geometry().blockSizeBytes();
    if (snapshot.chunkSizeBytes() == 0) {
      int shift = parameters.chunkShift(sizeBytes, limitBytes, blockSizeBytes);
      if (shift > parameters.chunkMaximumShift()) {
        throw new ErrnoException(
            Errno.EFAULT,
            "device "
                + device.name()
                + " of "
                + sizeBytes
                + " bytes needs chunks of "
                + (1L << shift)
                + " bytes; raise chunk_maximum_shift from "
                + parameters.chunkMaximumShift());
      }
      return shift;
    }
    int shift = Integer.numberOfTrailingZeros(snapshot.chunkSizeBytes());
    long chunkCount = BlksnapParameters.countOf(sizeBytes, shift);
    long countMax = 1L << parameters.chunkMaximumCountShift();
    if (chunkCount > countMax || 1 << shift < blockSizeBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "chunk size "
              + snapshot.chunkSizeBytes()
              + " on device "
              + device.name()
              + ": "
              + chunkCount
              + " chunks, of "
              + countMax
              + " at most, and not below its block size "
              + blockSizeBytes
              + "; give a larger one or none");
    }
    return shift;
  }
}
