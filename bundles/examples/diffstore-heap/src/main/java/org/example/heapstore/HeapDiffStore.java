package org.example.heapstore;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * A store in arrays of the heap. All of its capacity is allocated by {@link #grow}, so a write
 * never runs out of memory.
 *
 * <p>It can't be handed over: what is given to another version of this bundle may hold nothing but
 * text and channels, and arrays are neither. While a snapshot has such a store, the bundle can't be
 * replaced; {@code sluice store move} takes the snapshot elsewhere first.
 */
final class HeapDiffStore implements DiffStore {
  /** The unit of allocation and of locking; small, lest collectors treat it as a huge object. */
  static final int SEGMENT_SIZE_BYTES = 64 << 10;

  private final long capacityMaxBytes;
  private final HeapBudget budget;

  /** Replaced as a whole by growing; each segment is the lock of its own bytes. */
  private volatile byte[][] segments = new byte[0][];

  private volatile long capacityBytes;
  private boolean closed;

  HeapDiffStore(long capacityMaxBytes, HeapBudget budget) {
    this.capacityMaxBytes = capacityMaxBytes;
    this.budget = budget;
  }

  @Override
  public long capacityBytes() {
    return capacityBytes;
  }

  @Override
  public long capacityMaxBytes() {
    return capacityMaxBytes;
  }

  @Override
  public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    copy("read", offsetBytes, data, false);
  }

  @Override
  public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    copy("write", offsetBytes, data, true);
  }

  /** The lock of a segment keeps a read from seeing half of a sector that is being written. */
  private void copy(String what, long offsetBytes, ByteBuffer data, boolean store)
      throws ErrnoException {
    int lengthBytes = data.remaining();
    if (offsetBytes < 0 || offsetBytes > capacityBytes - lengthBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + " of "
              + lengthBytes
              + " bytes at "
              + offsetBytes
              + " of "
              + description()
              + ": outside its capacity of "
              + capacityBytes
              + " bytes");
    }
    byte[][] now = segments;
    long at = offsetBytes;
    while (data.hasRemaining()) {
      byte[] segment = now[(int) (at / SEGMENT_SIZE_BYTES)];
      int from = (int) (at % SEGMENT_SIZE_BYTES);
      int count = Math.min(data.remaining(), segment.length - from);
      synchronized (segment) {
        if (store) {
          data.get(segment, from, count);
        } else {
          data.put(segment, from, count);
        }
      }
      at += count;
    }
  }

  @Override
  public void grow(long wantedBytes) throws ErrnoException {
    String what = "grow of " + description() + " to " + wantedBytes + " bytes: ";
    if (wantedBytes < capacityBytes) {
      throw new ErrnoException(Errno.EINVAL, what + "it has " + capacityBytes + " already");
    }
    if (wantedBytes > capacityMaxBytes) {
      throw new ErrnoException(Errno.ENOSPC, what + "it ends at " + capacityMaxBytes);
    }
    byte[][] before = segments;
    int count = (int) ((wantedBytes + SEGMENT_SIZE_BYTES - 1) / SEGMENT_SIZE_BYTES);
    long moreBytes = (long) (count - before.length) * SEGMENT_SIZE_BYTES;
    if (!budget.take(moreBytes)) {
      throw new ErrnoException(
          Errno.ENOSPC,
          what
              + moreBytes
              + " more are needed, of the limit of "
              + budget.limitBytes()
              + " for all heap stores "
              + budget.leftBytes()
              + " are left; destroy a snapshot, or use a store on disk");
    }
    try {
      byte[][] grown = Arrays.copyOf(before, count);
      for (int i = before.length; i < count; i++) {
        grown[i] = new byte[SEGMENT_SIZE_BYTES];
      }
      segments = grown;
      capacityBytes = wantedBytes;
    } catch (OutOfMemoryError e) {
      budget.giveBack(moreBytes);
      throw new ErrnoException(Errno.ENOMEM, what + "the heap is full; use a store on disk", e);
    }
  }

  /** The space stays reserved, for whoever comes to write there. */
  @Override
  public void release(long offsetBytes, long lengthBytes) {}

  @Override
  public String description() {
    return "heap of at most " + capacityMaxBytes + " bytes";
  }

  /** No file and no device: it can be a store for anything. */
  @Override
  public List<StorageIdentity> identities() {
    return List.of();
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    budget.giveBack((long) segments.length * SEGMENT_SIZE_BYTES);
    capacityBytes = 0;
    segments = new byte[0][];
  }
}
