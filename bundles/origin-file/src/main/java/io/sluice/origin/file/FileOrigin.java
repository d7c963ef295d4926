package io.sluice.origin.file;

import io.sluice.block.Bio;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.OriginDevice;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.ContentStamp;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileStatus;
import io.sluice.linux.SteadyChannel;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * An open regular file or block device. Data go through a channel, in the submitter's thread and
 * straight between its buffer and the file; all else goes through the control descriptor, which
 * also holds the lock.
 *
 * <p>FUA is a write and then a flush. A channel with O_DSYNC would sync each write alone, and write
 * its file system's journal for each; so concurrent FUA writes share one flush.
 *
 * <p>The flush is one of the control descriptor and not of the channel: the kernel reports a failed
 * write-back once to each open file, and the control descriptor is open from the first write to the
 * last, while the channel may have been opened again in between.
 */
final class FileOrigin implements OriginDevice {
  private static final int ZEROES_SIZE_BYTES = 256 << 10;

  private final String path;
  private final StorageIdentity identity;
  private final ControlDescriptor control;
  private final SteadyChannel channel;
  private final OriginGeometry geometry;
  private final OriginLoss loss;
  private final RangeCalls ranges;
  private final ExtentScan extents;
  private final BounceBuffers bounce;
  private final FlushGate flushes;
  private final Runnable released;
  private volatile boolean closed;

  /** All zeroes, aligned for any block size; made when the first storage can't zero by itself. */
  private static final class Zeroes {
    static final ByteBuffer BYTES =
        ByteBuffer.allocateDirect(ZEROES_SIZE_BYTES + DeviceGeometry.BLOCK_SIZE_MAX_BYTES)
            .alignedSlice(DeviceGeometry.BLOCK_SIZE_MAX_BYTES)
            .asReadOnlyBuffer();
  }

  /**
   * @param status of the file as it was opened
   * @param extents null for a block device
   * @param bounce null unless I/O is direct
   * @param released called once, after all is closed
   */
  FileOrigin(
      String path,
      FileStatus status,
      ControlDescriptor control,
      SteadyChannel channel,
      OriginGeometry geometry,
      RangeCalls ranges,
      ExtentScan extents,
      BounceBuffers bounce,
      Runnable released) {
    this.path = path;
    this.identity = status.identity();
    this.control = control;
    this.channel = channel;
    this.geometry = geometry;
    this.loss = new OriginLoss(path, control, geometry, status);
    this.ranges = ranges;
    this.extents = extents;
    this.bounce = bounce;
    this.flushes = new FlushGate(control::sync);
    this.released = released;
  }

  @Override
  public String path() {
    return path;
  }

  @Override
  public StorageIdentity identity() {
    return identity;
  }

  /** Flushed first: what is written back later counts as a write to a block device. */
  @Override
  public Optional<String> contentStamp() {
    try {
      flush();
      return identity.block()
          ? ContentStamp.ofBlockDevice(identity.inode())
          : ContentStamp.ofFile(control.path());
    } catch (ErrnoException e) {
      return Optional.empty();
    }
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry.current();
  }

  @Override
  public Optional<String> lost() {
    Optional<String> found = loss.look();
    // Asked last: one that is being closed looks like a lost one.
    return closed ? Optional.empty() : found;
  }

  @Override
  public boolean mayBlock() {
    return bounce != null || extents == null;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    checkOpen(bio);
    loss.check(bio);
    geometry.check(bio);
    switch (bio.op()) {
      case READ -> read(bio);
      case WRITE -> write(bio);
      case FLUSH -> flush();
      case DISCARD -> discard(bio);
      case WRITE_ZEROES -> writeZeroes(bio);
    }
    if (bio.has(Bio.FUA) && bio.op().modifiesData()) {
      flushes.flush();
    }
  }

  private void read(Bio bio) throws ErrnoException {
    ByteBuffer data = payload(bio);
    if (bounce == null || bounce.aligned(data)) {
      channel.readFully(bio.offsetBytes(), data);
    } else {
      bounce.read(channel, bio.offsetBytes(), data);
    }
  }

  private void write(Bio bio) throws ErrnoException {
    ByteBuffer data = payload(bio);
    if (bounce == null || bounce.aligned(data)) {
      channel.writeFully(bio.offsetBytes(), data);
    } else {
      bounce.write(channel, bio.offsetBytes(), data);
    }
  }

  private void flush() throws ErrnoException {
    if (!geometry.current().readOnly()) {
      flushes.flush();
    }
  }

  private void discard(Bio bio) throws ErrnoException {
    if (bio.lengthBytes() > 0) {
      ranges.discard(bio.offsetBytes(), bio.lengthBytes());
    }
  }

  private void writeZeroes(Bio bio) throws ErrnoException {
    long offsetBytes = bio.offsetBytes();
    long lengthBytes = bio.lengthBytes();
    boolean fastOnly = bio.has(Bio.FAST_ONLY);
    if (lengthBytes == 0
        || ranges.zero(offsetBytes, lengthBytes, !bio.has(Bio.NO_UNMAP), fastOnly)) {
      return;
    }
    if (fastOnly) {
      throw new ErrnoException(
          Errno.ENOTSUP, bio + " on " + path + ": the storage can't zero faster than by writing");
    }
    ByteBuffer zeroes = Zeroes.BYTES.duplicate();
    for (long done = 0; done < lengthBytes; done += zeroes.limit()) {
      zeroes.clear().limit((int) Math.min(ZEROES_SIZE_BYTES, lengthBytes - done));
      channel.writeFully(offsetBytes + done, zeroes);
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    loss.checkReadable("block status of " + offsetBytes + "+" + lengthBytes);
    DeviceGeometry now = geometry.current();
    long sizeBytes = now.sizeBytes();
    int blockSizeBytes = now.blockSizeBytes();
    if (offsetBytes < 0
        || lengthBytes < 1
        || offsetBytes >= sizeBytes
        || offsetBytes % blockSizeBytes != 0) {
      throw new ErrnoException(
          Errno.EINVAL,
          "block status of "
              + offsetBytes
              + "+"
              + lengthBytes
              + " on "
              + path
              + ": not in the device of "
              + sizeBytes
              + " bytes, or not at a multiple of its block size "
              + blockSizeBytes);
    }
    long endBytes = offsetBytes + Math.min(lengthBytes, sizeBytes - offsetBytes);
    if (extents == null) {
      visitor.extent(endBytes - offsetBytes, ExtentVisitor.DATA);
    } else {
      extents.visit(offsetBytes, endBytes, blockSizeBytes, visitor);
    }
  }

  private ByteBuffer payload(Bio bio) throws ErrnoException {
    ByteBuffer data = bio.data();
    if (data.remaining() != bio.lengthBytes()) {
      throw new ErrnoException(
          Errno.EINVAL,
          bio + " on " + path + ": its buffer has " + data.remaining() + " bytes remaining");
    }
    return data;
  }

  private void checkOpen(Bio bio) throws ErrnoException {
    if (closed) {
      throw new ErrnoException(Errno.ESHUTDOWN, bio + " on " + path + ": the origin is closed");
    }
  }

  @Override
  public synchronized void close() throws ErrnoException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      channel.close();
    } finally {
      // With the descriptor goes the lock, so it is the last thing before others may open the file.
      try {
        control.close();
      } finally {
        released.run();
      }
    }
  }

  @Override
  public String toString() {
    return "origin " + path;
  }
}
