package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.cow.CowChain;
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

  /** What a device can need at most: each chunk's old data, and each written in the image. */
  long roomBytes(Snapshot snapshot, TrackedDevice device) throws ErrnoException {
    long sizeBytes = device.host().lower().geometry().sizeBytes();
    int shift = chunkShift(snapshot, device, sizeBytes, sizeBytes);
    return (2 * BlksnapParameters.countOf(sizeBytes, shift)) << shift;
  }

  int chunkShift(Snapshot snapshot, TrackedDevice device, long sizeBytes, long limitBytes)
      throws ErrnoException {
    CowArea held = device.chain().newest();
    if (held != null) {
      return sharedShift(snapshot, device, sizeBytes, held);
    }
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

  /** Snapshots of one device share what is saved, and so its unit. */
  private static int sharedShift(
      Snapshot snapshot, TrackedDevice device, long sizeBytes, CowArea held) throws ErrnoException {
    int chunkSizeBytes = 1 << held.chunkShift();
    if (snapshot.chunkSizeBytes() != 0 && snapshot.chunkSizeBytes() != chunkSizeBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "chunk size "
              + snapshot.chunkSizeBytes()
              + " on device "
              + device.name()
              + ": its other snapshots have "
              + chunkSizeBytes
              + ", and all must have the same; give that or none");
    }
    if (sizeBytes < held.capacityBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          "device "
              + device.name()
              + " has shrunk from "
              + held.capacityBytes()
              + " to "
              + sizeBytes
              + " bytes under a snapshot; destroy the snapshots it is in first");
    }
    return held.chunkShift();
  }

  /**
   * Refuses a device that has as many snapshots as it can.
   *
   * @throws ErrnoException EBUSY
   */
  static void checkRoom(TrackedDevice device) throws ErrnoException {
    if (device.chain().areaCount() >= CowChain.AREA_COUNT_MAX) {
      throw new ErrnoException(
          Errno.EBUSY,
          "device "
              + device.name()
              + ": "
              + CowChain.AREA_COUNT_MAX
              + " snapshots are the most, counting destroyed ones that older ones need;"
              + " destroy the oldest, of "
              + device.members().stream().map(Snapshot::label).toList());
    }
  }
}
