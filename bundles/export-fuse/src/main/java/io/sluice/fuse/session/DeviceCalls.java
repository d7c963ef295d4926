package io.sluice.fuse.session;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.tree.ExportedFile;
import java.nio.ByteBuffer;
import java.util.concurrent.locks.StampedLock;

/**
 * Reads and writes of single bytes on devices of blocks. A write that covers a block in part reads
 * it, changes it and writes it back, with all other writes of the file kept out; one of whole
 * blocks goes through as it is. Used by one thread.
 */
final class DeviceCalls {
  /** Zeroes are written in pieces of at most this, so that nobody waits for the whole. */
  static final long ZEROES_PIECE_BYTES = 1L << 30;

  private final RequestMemory memory;
  private final Bio bio = new Bio();
  private int headBytes;

  DeviceCalls(RequestMemory memory) {
    this.memory = memory;
  }

  /**
   * Reads into the memory's data, behind {@link #headBytes} that belong to the block before.
   *
   * @param sizeBytes at most {@link io.sluice.fuse.codec.FuseLimits#IO_MAX_BYTES}
   * @return how many bytes were read: fewer than asked for, or none, at the device's end
   */
  int read(ExportedFile file, long offsetBytes, int sizeBytes) throws ErrnoException {
    headBytes = 0;
    BlockDevice device = file.present();
    DeviceGeometry geometry = device.geometry();
    int wanted = (int) Math.min(sizeBytes, Math.max(0, geometry.sizeBytes() - offsetBytes));
    if (wanted == 0) {
      return 0;
    }
    headBytes = (int) (offsetBytes & geometry.blockSizeBytes() - 1);
    int blocksBytes = roundUp(headBytes + wanted, geometry.blockSizeBytes());
    submit(device, bio.read(offsetBytes - headBytes, memory.data(0, blocksBytes)));
    return wanted;
  }

  /** How far into the memory's data the last read begins. */
  int headBytes() {
    return headBytes;
  }

  /**
   * Writes the memory's data.
   *
   * @param flags {@link Bio#FUA} or 0
   * @return how many bytes were written: fewer than given at the device's end
   * @throws ErrnoException ENOSPC past the device's end; what the device reports
   */
  int write(ExportedFile file, long offsetBytes, int sizeBytes, int flags) throws ErrnoException {
    BlockDevice device = file.present();
    DeviceGeometry geometry = device.geometry();
    if (sizeBytes == 0) {
      return 0;
    }
    int wanted = (int) Math.min(sizeBytes, Math.max(0, geometry.sizeBytes() - offsetBytes));
    if (wanted == 0) {
      throw new ErrnoException(
          Errno.ENOSPC,
          "write of "
              + sizeBytes
              + " bytes at "
              + offsetBytes
              + " on "
              + file.name()
              + ": past the end at "
              + geometry.sizeBytes());
    }
    int blockBytes = geometry.blockSizeBytes();
    if (blockBytes == 1) {
      submit(device, bio.write(offsetBytes, memory.data(0, wanted), flags));
    } else if (isAligned(offsetBytes, wanted, blockBytes)) {
      StampedLock blocks = file.blocks();
      long stamp = blocks.readLock();
      try {
        submit(device, bio.write(offsetBytes, memory.data(0, wanted), flags));
      } finally {
        blocks.unlockRead(stamp);
      }
    } else {
      writeParts(file, blockBytes, offsetBytes, wanted, flags);
    }
    return wanted;
  }

  private void writeParts(
      ExportedFile file, int blockBytes, long offsetBytes, int sizeBytes, int flags)
      throws ErrnoException {
    StampedLock blocks = file.blocks();
    long stamp = blocks.writeLock();
    try {
      BlockDevice device = file.present();
      int done = 0;
      while (done < sizeBytes) {
        long at = offsetBytes + done;
        int into = (int) (at & blockBytes - 1);
        int left = sizeBytes - done;
        int part = into == 0 ? left - left % blockBytes : 0;
        if (part > 0) {
          submit(device, bio.write(at, memory.data(done, part), flags));
        } else {
          part = Math.min(left, blockBytes - into);
          changeBlock(device, at - into, blockBytes, into, memory.data(done, part), flags);
        }
        done += part;
      }
    } finally {
      blocks.unlockWrite(stamp);
    }
  }

  /**
   * Changes a part of a block.
   *
   * @param into where in the block
   * @param change what is put there
   */
  private void changeBlock(
      BlockDevice device, long blockAt, int blockBytes, int into, ByteBuffer change, int flags)
      throws ErrnoException {
    ByteBuffer block = memory.block(blockBytes);
    submit(device, bio.read(blockAt, block));
    block.position(into);
    block.put(change);
    submit(device, bio.write(blockAt, block.position(0), flags));
  }

  /**
   * Makes a range read as zeroes.
   *
   * @param flags {@link Bio#NO_UNMAP} or 0
   */
  void zero(ExportedFile file, long offsetBytes, long lengthBytes, int flags)
      throws ErrnoException {
    BlockDevice device = file.present();
    DeviceGeometry geometry = device.geometry();
    int blockBytes = geometry.blockSizeBytes();
    StampedLock blocks = file.blocks();
    long end = offsetBytes + lengthBytes;
    for (long at = offsetBytes; at < end; ) {
      int into = (int) (at & blockBytes - 1);
      long whole = (end - at) & -(long) blockBytes;
      boolean parts = into != 0 || whole == 0;
      long stamp = parts ? blocks.writeLock() : blocks.readLock();
      try {
        long done;
        if (parts) {
          done = Math.min(end - at, blockBytes - into);
          zeroInBlock(device, at - into, blockBytes, into, (int) done);
        } else {
          done = Math.min(whole, ZEROES_PIECE_BYTES);
          submit(device, bio.writeZeroes(at, done, flags));
        }
        at += done;
      } finally {
        blocks.unlock(stamp);
      }
    }
  }

  private void zeroInBlock(
      BlockDevice device, long blockAt, int blockBytes, int into, int zeroBytes)
      throws ErrnoException {
    ByteBuffer zeroes = memory.data(0, zeroBytes);
    while (zeroes.hasRemaining()) {
      zeroes.put((byte) 0);
    }
    changeBlock(device, blockAt, blockBytes, into, zeroes.position(0), 0);
  }

  /** Makes durable what was written. */
  void flush(ExportedFile file) throws ErrnoException {
    BlockDevice device = file.present();
    DeviceGeometry geometry = device.geometry();
    // Nothing can be pending on a device that takes no writes and therefore no flush.
    if (!geometry.readOnly() || geometry.ops().contains(BioOp.FLUSH)) {
      submit(device, bio.flush());
    }
  }

  private static void submit(BlockDevice device, Bio bio) throws ErrnoException {
    device.submit(bio);
    // A device that leaves a part of a read's buffer as it was would hand out other clients' bytes.
    if (bio.op().carriesData() && bio.data().hasRemaining()) {
      throw new ErrnoException(
          Errno.EIO, bio + ": the device left " + bio.data().remaining() + " bytes undone");
    }
  }

  private static boolean isAligned(long offsetBytes, int sizeBytes, int blockBytes) {
    return ((offsetBytes | sizeBytes) & blockBytes - 1) == 0;
  }

  private static int roundUp(int bytes, int blockBytes) {
    return (bytes + blockBytes - 1) & -blockBytes;
  }
}
