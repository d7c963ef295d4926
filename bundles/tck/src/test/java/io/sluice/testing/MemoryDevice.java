package io.sluice.testing;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.io.Closeable;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A device in memory that knows which of its clusters were ever written, so that block status has
 * something to tell. Subclasses add faults and waits.
 */
public class MemoryDevice implements BlockDevice {
  /** The unit in which it tells holes from data. */
  public static final int CLUSTER_BYTES = 4096;

  public final byte[] bytes;
  public final AtomicInteger flushCount = new AtomicInteger();
  public final AtomicInteger fuaCount = new AtomicInteger();
  public final List<String> holders = new CopyOnWriteArrayList<>();
  public volatile boolean removed;
  private final boolean[] allocated;
  private final DeviceGeometry geometry;

  public MemoryDevice(int sizeBytes, int blockSizeBytes, boolean readOnly) {
    bytes = new byte[sizeBytes];
    allocated = new boolean[(sizeBytes + CLUSTER_BYTES - 1) / CLUSTER_BYTES];
    geometry =
        new DeviceGeometry(
            sizeBytes,
            blockSizeBytes,
            Math.max(4096, blockSizeBytes),
            readOnly,
            false,
            readOnly ? EnumSet.of(BioOp.READ) : EnumSet.allOf(BioOp.class));
  }

  public MemoryDevice(int sizeBytes) {
    this(sizeBytes, 1, false);
  }

  @Override
  public DeviceGeometry geometry() {
    return geometry;
  }

  @Override
  public void submit(Bio bio) throws ErrnoException {
    if (removed) {
      throw new ErrnoException(Errno.ESHUTDOWN, bio + " on memory: the device is removed");
    }
    geometry.check(bio, "memory");
    int at = (int) bio.offsetBytes();
    int length = (int) bio.lengthBytes();
    if (bio.has(Bio.FUA)) {
      fuaCount.incrementAndGet();
    }
    ByteBuffer data = bio.data();
    switch (bio.op()) {
      case READ -> data.put(bytes, at, length);
      case WRITE -> {
        data.get(bytes, at, length);
        mark(at, length, true);
      }
      case FLUSH -> flushCount.incrementAndGet();
      case DISCARD, WRITE_ZEROES -> {
        Arrays.fill(bytes, at, at + length, (byte) 0);
        mark(at, length, bio.has(Bio.NO_UNMAP));
      }
    }
  }

  /** Puts bytes there as a write would, past all checks. */
  public void poke(int at, byte[] source, int length) {
    System.arraycopy(source, 0, bytes, at, length);
    mark(at, length, true);
  }

  private void mark(int at, int length, boolean data) {
    int first = data ? at / CLUSTER_BYTES : (at + CLUSTER_BYTES - 1) / CLUSTER_BYTES;
    int end =
        data ? (at + length + CLUSTER_BYTES - 1) / CLUSTER_BYTES : (at + length) / CLUSTER_BYTES;
    for (int i = first; i < end; i++) {
      allocated[i] = data;
    }
  }

  @Override
  public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
    long at = offsetBytes;
    long end = Math.min(bytes.length, offsetBytes + lengthBytes);
    boolean more = true;
    while (more && at < end) {
      int cluster = (int) (at / CLUSTER_BYTES);
      long next = Math.min(end, (cluster + 1L) * CLUSTER_BYTES);
      more =
          visitor.extent(
              next - at,
              allocated[cluster] ? ExtentVisitor.DATA : ExtentVisitor.HOLE | ExtentVisitor.ZERO);
      at = next;
    }
  }

  @Override
  public Closeable hold(String holder) throws ErrnoException {
    if (removed) {
      throw new ErrnoException(Errno.ESHUTDOWN, "memory: the device is being removed");
    }
    holders.add(holder);
    return () -> holders.remove(holder);
  }
}
