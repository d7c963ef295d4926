package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.Random;

/** The device under test, and the few words that tests say it with. Buffers are never reused. */
final class TestedDevice {
  /** So small that all of it can be written in a moment, so large that requests can differ. */
  static final long SIZE_MIN_BYTES = 64 << 10;

  static final long SIZE_MAX_BYTES = 16 << 20;
  private static final int BLOCK_COUNT_MIN = 32;

  final BlockDevice device;
  final DeviceGeometry geometry;
  final int sizeBytes;

  /** The device's block size. */
  final int blockSizeBytes;

  /** What requests are made of: a sector, or a block if that is larger. */
  final int unitBytes;

  TestedDevice(BlockDevice device) {
    this.device = device;
    this.geometry = device.geometry();
    this.blockSizeBytes = geometry.blockSizeBytes();
    this.unitBytes = Math.max(DeviceGeometry.SECTOR_SIZE_BYTES, blockSizeBytes);
    long size = geometry.sizeBytes();
    Expect.that(
        size >= SIZE_MIN_BYTES
            && size <= SIZE_MAX_BYTES
            && size >= (long) BLOCK_COUNT_MIN * unitBytes,
        "size of the device to test",
        SIZE_MIN_BYTES + " to " + SIZE_MAX_BYTES + " bytes, and " + BLOCK_COUNT_MIN + " blocks",
        size + " bytes, blocks of " + blockSizeBytes);
    this.sizeBytes = (int) size;
  }

  boolean serves(BioOp op) {
    return geometry.ops().contains(op);
  }

  static byte[] bytes(Random random, int lengthBytes) {
    byte[] bytes = new byte[lengthBytes];
    random.nextBytes(bytes);
    // No block of it is zero, whatever the device's block size is.
    for (int i = 0; i < lengthBytes; i++) {
      bytes[i] = bytes[i] == 0 ? 1 : bytes[i];
    }
    return bytes;
  }

  void write(long offsetBytes, byte[] bytes, int flags) throws ErrnoException {
    device.submit(new Bio().write(offsetBytes, ByteBuffer.wrap(bytes.clone()), flags));
  }

  void write(long offsetBytes, byte[] bytes) throws ErrnoException {
    write(offsetBytes, bytes, 0);
  }

  byte[] read(long offsetBytes, int lengthBytes) throws ErrnoException {
    byte[] bytes = new byte[lengthBytes];
    device.submit(new Bio().read(offsetBytes, ByteBuffer.wrap(bytes)));
    return bytes;
  }

  void zero(long offsetBytes, long lengthBytes, int flags) throws ErrnoException {
    device.submit(new Bio().writeZeroes(offsetBytes, lengthBytes, flags));
  }

  void flush() throws ErrnoException {
    if (serves(BioOp.FLUSH)) {
      device.submit(new Bio().flush());
    }
  }

  /** A bio of an operation over a range, with a buffer if it needs one; a flush has none. */
  static Bio bio(BioOp op, long offsetBytes, long lengthBytes) {
    return switch (op) {
      case READ -> new Bio().read(offsetBytes, ByteBuffer.allocate((int) lengthBytes));
      case WRITE -> new Bio().write(offsetBytes, ByteBuffer.allocate((int) lengthBytes), 0);
      case DISCARD -> new Bio().discard(offsetBytes, lengthBytes, 0);
      case WRITE_ZEROES -> new Bio().writeZeroes(offsetBytes, lengthBytes, 0);
      case FLUSH -> new Bio().flush();
    };
  }
}
