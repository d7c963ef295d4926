package io.sluice.nbd.session;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/**
 * Page-aligned direct buffers that are used again and again, up to a total. A direct buffer's
 * memory is only given back by the garbage collector, so clients that come and go must not make new
 * ones. Thread-safe.
 */
public final class BufferPool {
  /** What the address of each buffer is a multiple of, as direct I/O needs it. */
  static final int ALIGNMENT_BYTES = 4096;

  private final long budgetBytes;
  private final Map<Integer, ArrayDeque<ByteBuffer>> idle = new HashMap<>();
  private long idleBytes;
  private long takenBytes;

  /**
   * @param budgetBytes what may be taken at the same time
   */
  public BufferPool(long budgetBytes) {
    this.budgetBytes = budgetBytes;
  }

  /**
   * A buffer of exactly this capacity, with contents of earlier use, or null if the budget or the
   * JVM's direct memory is used up.
   *
   * @param bytes one of few sizes, since only equal ones are used again
   */
  public ByteBuffer tryTake(int bytes) {
    synchronized (this) {
      if (takenBytes + bytes > budgetBytes) {
        return null;
      }
      takenBytes += bytes;
      ArrayDeque<ByteBuffer> same = idle.get(bytes);
      if (same != null && !same.isEmpty()) {
        idleBytes -= bytes;
        return same.pop().clear();
      }
      makeRoom();
    }
    try {
      // An aligned slice ends at a multiple too: one page for each end.
      return ByteBuffer.allocateDirect(bytes + 2 * ALIGNMENT_BYTES)
          .alignedSlice(ALIGNMENT_BYTES)
          .slice(0, bytes);
    } catch (OutOfMemoryError e) {
      // Only the direct memory is used up: the caller does without, and nothing else is harmed.
      synchronized (this) {
        takenBytes -= bytes;
      }
      return null;
    }
  }

  /** Takes a buffer of {@link #tryTake} back; null is ignored. */
  public synchronized void give(ByteBuffer buffer) {
    if (buffer == null) {
      return;
    }
    takenBytes -= buffer.capacity();
    idleBytes += buffer.capacity();
    idle.computeIfAbsent(buffer.capacity(), size -> new ArrayDeque<>()).push(buffer);
  }

  /** Bytes taken and not given back. */
  public synchronized long takenBytes() {
    return takenBytes;
  }

  /** Idle buffers of other sizes count against the budget too; they are dropped for a new one. */
  private void makeRoom() {
    for (ArrayDeque<ByteBuffer> same : idle.values()) {
      while (takenBytes + idleBytes > budgetBytes && !same.isEmpty()) {
        idleBytes -= same.pop().capacity();
      }
    }
  }
}
