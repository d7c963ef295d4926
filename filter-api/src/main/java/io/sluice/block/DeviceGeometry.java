package io.sluice.block;

import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a device is like. An immutable snapshot of the moment: ask the device again to see a resize.
 *
 * @param sizeBytes the device's length, a multiple of {@code blockSizeBytes}
 * @param blockSizeBytes what offsets and lengths must be multiples of: a power of two from 1 to
 *     65536. 1 for a cached regular file, the logical sector size for anything with sectors
 * @param preferredSizeBytes the request size and alignment that costs least: a power of two, at
 *     least {@code blockSizeBytes}
 * @param readOnly whether operations that modify data fail with EPERM
 * @param rotational whether seeks cost
 * @param ops the operations the device serves itself; never empty, always with READ
 */
public record DeviceGeometry(
    long sizeBytes,
    int blockSizeBytes,
    int preferredSizeBytes,
    boolean readOnly,
    boolean rotational,
    Set<BioOp> ops) {

  /** The unit of Linux block addresses, and of every sector count in Sluice's interfaces. */
  public static final int SECTOR_SIZE_BYTES = 512;

  /** The largest {@link #blockSizeBytes()}. */
  public static final int BLOCK_SIZE_MAX_BYTES = 65536;

  /** Checks the ranges above and copies the set of operations. */
  public DeviceGeometry {
    if (Integer.bitCount(blockSizeBytes) != 1 || blockSizeBytes > BLOCK_SIZE_MAX_BYTES) {
      throw new IllegalArgumentException(
          "block size " + blockSizeBytes + " is not a power of two from 1 to 65536");
    }
    if (Integer.bitCount(preferredSizeBytes) != 1 || preferredSizeBytes < blockSizeBytes) {
      throw new IllegalArgumentException(
          "preferred size " + preferredSizeBytes + " is not a power of two >= " + blockSizeBytes);
    }
    if (sizeBytes < 0 || sizeBytes % blockSizeBytes != 0) {
      throw new IllegalArgumentException(
          "size " + sizeBytes + " is not a multiple of the block size " + blockSizeBytes);
    }
    EnumSet<BioOp> copy = EnumSet.of(BioOp.READ);
    copy.addAll(ops);
    ops = Collections.unmodifiableSet(copy);
  }

  /** The device's length in whole or started sectors of 512 bytes. */
  public long sectorCount() {
    return (sizeBytes + SECTOR_SIZE_BYTES - 1) / SECTOR_SIZE_BYTES;
  }

  /**
   * Refuses a bio that this device can't serve, before anything is touched.
   *
   * @param deviceName for the message
   * @throws ErrnoException EINVAL for a range that is unaligned, negative or past the end of a read
   *     or discard; ENOSPC for a write or write-zeroes past the end; EPERM for a change to a
   *     read-only device; ENOTSUP for an operation that is not in {@link #ops()}
   */
  public void check(Bio bio, String deviceName) throws ErrnoException {
    if (bio.op().modifiesData() && readOnly) {
      throw new ErrnoException(
          Errno.EPERM, bio.op() + " on " + deviceName + ": the device is read-only");
    }
    if (!ops.contains(bio.op())) {
      throw new ErrnoException(
          Errno.ENOTSUP, bio.op() + " on " + deviceName + ": the device serves only " + ops);
    }
    long offset = bio.offsetBytes();
    long length = bio.lengthBytes();
    int mask = blockSizeBytes - 1;
    if (offset < 0 || length < 0 || (offset & mask) != 0 || (length & mask) != 0) {
      throw new ErrnoException(
          Errno.EINVAL,
          bio
              + " on "
              + deviceName
              + ": offset and length must be multiples of the block size "
              + blockSizeBytes);
    }
    if (length > sizeBytes - offset) {
      boolean stores = bio.op() == BioOp.WRITE || bio.op() == BioOp.WRITE_ZEROES;
      throw new ErrnoException(
          stores ? Errno.ENOSPC : Errno.EINVAL,
          bio + " on " + deviceName + ": past the end of the device at " + sizeBytes + " bytes");
    }
  }
}
