package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device in memory with a write cache that a crash loses, and errors on demand. It takes a
 * buffer's remaining bytes for what they are, whatever the bio says, so that who submits a buffer
 * that is used up gets what it deserves and not an exception.
 */
class MemoryDevice implements BlockDevice {
  final DeviceGeometry geometry;
  private final byte[] cached;
  private final byte[] durable;
  private final AtomicInteger failing = new AtomicInteger();
  private volatile Errno error = Errno.EIO;
  private volatile boolean removed;

  MemoryDevice(DeviceGeometry geometry) {
    this.geometry = geometry;
    this.cached = new byte[(int) geometry.sizeBytes()];
    this.durable = cached.clone();
  }

  /** Forgets what was not made durable. */
  synchronized void crash() {
    System.arraycopy(durable, 0, cached, 0, cached.length);
  }

  /** Bios fail with ESHUTDOWN from now on. */
  void remove() {
    removed = true;
  }

  /** The next so many bios fail, having used up a part of their buffers. */
  void fail(Errno errno, int count) {
    error = errno;
    failing.set(count);
  }

  /** How many of them are still to come. */
  int failuresLeft() {
    return failing.get();
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    if (removed) {
      throw new ErrnoException(Errno.ESHUTDOWN, bio + ": the device is removed");
    }
    geometry.check(bio, "memory");
    if (failing.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
      if (bio.data() != null) {
        bio.data().position(bio.data().limit());
      }
      throw new ErrnoException(error, bio + ": told to fail");
    }
    serve(bio);
  }

  /** Serves a bio that is in order. */
  void serve(Bio bio) throws ErrnoException {
    transfer(bio);
  }

  private synchronized void transfer(Bio bio) {
    int from = (int) bio.offsetBytes();
    ByteBuffer data = bio.data();
    switch (bio.op()) {
      case READ -> data.put(cached, from, data.remaining());
      case WRITE -> data.get(cached, from, data.remaining());
      case WRITE_ZEROES, DISCARD -> Arrays.fill(cached, from, (int) bio.endBytes(), (byte) 0);
      case FLUSH -> System.arraycopy(cached, 0, durable, 0, cached.length);
    }
    if (bio.has(Bio.FUA)) {
      System.arraycopy(cached, from, durable, from, (int) bio.lengthBytes());
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
      throws ErrnoException {
    long sizeBytes = geometry.sizeBytes();
    if (offsetBytes < 0 || lengthBytes < 1 || offsetBytes >= sizeBytes) {
      throw new ErrnoException(
          Errno.EINVAL, "block status of " + offsetBytes + "+" + lengthBytes + ": outside");
    }
    int end = (int) (offsetBytes + Math.min(lengthBytes, sizeBytes - offsetBytes));
    for (int at = (int) offsetBytes; at < end; ) {
      boolean zero = reallyZero(at);
      int from = at;
      while (at < end && reallyZero(at) == zero) {
        at = Math.min(end, at + geometry.blockSizeBytes());
      }
      int state = zero ? ExtentVisitor.HOLE | ExtentVisitor.ZERO : ExtentVisitor.DATA;
      if (!visitor.extent(at - from, state)) {
        return;
      }
    }
  }

  private synchronized boolean reallyZero(int blockAt) {
    return isZero(cached, blockAt, geometry.blockSizeBytes());
  }

  /** Whether a block counts as zero. */
  boolean isZero(byte[] bytes, int blockAt, int blockSizeBytes) {
    for (int i = blockAt; i < blockAt + blockSizeBytes; i++) {
      if (bytes[i] != 0) {
        return false;
      }
    }
    return true;
  }
}
