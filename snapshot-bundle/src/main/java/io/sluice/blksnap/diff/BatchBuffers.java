package io.sluice.blksnap.diff;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.function.IntFunction;

/**
 * The memory for saved chunks on their way to stores, shared by all snapshots: a fixed number of
 * {@link Batch}es. Each open store has {@link #RESERVED_COUNT} of its own, whatever the others do,
 * so that a store that hangs starves nobody else; more it gets while there are some.
 *
 * <p>Thread-safe; never waits.
 */
public final class BatchBuffers {
  /** What a store can always have: one that fills and one that is being stored. */
  public static final int RESERVED_COUNT = 2;

  /** What a store has at most. */
  public static final int COUNT_MAX = 4;

  // After a burst the rest of the memory goes back.
  private static final int IDLE_MAX = 16;

  private static final int PAGE_BYTES = 4096;

  private final int sizeBytes;
  private final IntFunction<ByteBuffer> memory;
  private final int storeCountMax;
  private final ArrayDeque<Batch> idle = new ArrayDeque<>();
  private int freeCount;
  private int storeCount;

  /** In page-aligned direct memory, as the next constructor. */
  public BatchBuffers(int count, int sizeBytes) {
    this(
        count,
        sizeBytes,
        size -> ByteBuffer.allocateDirect(size + PAGE_BYTES).alignedSlice(PAGE_BYTES));
  }

  /**
   * @param count batches at most, from {@link #RESERVED_COUNT}
   * @param sizeBytes of each, a power of two; also the longest run of chunks that is saved at once
   * @param memory gives buffers of this size or more
   */
  public BatchBuffers(int count, int sizeBytes, IntFunction<ByteBuffer> memory) {
    this.memory = memory;
    this.sizeBytes = sizeBytes;
    this.storeCountMax = count / RESERVED_COUNT;
    this.freeCount = count;
  }

  /** Bytes in each. */
  public int sizeBytes() {
    return sizeBytes;
  }

  /** How many stores can be open. */
  int storeCountMax() {
    return storeCountMax;
  }

  /** Reserves a store's share; false if all is given away. */
  synchronized boolean join() {
    if (freeCount < RESERVED_COUNT) {
      return false;
    }
    freeCount -= RESERVED_COUNT;
    storeCount++;
    return true;
  }

  /** Gives a store's share back; all its batches are released. */
  synchronized void leave() {
    freeCount += RESERVED_COUNT;
    storeCount--;
    trim();
  }

  /**
   * Takes a batch out of a store's share, or beyond it.
   *
   * @return null if there is none beyond
   */
  synchronized Batch acquire(boolean extra) {
    if (extra && freeCount == 0) {
      return null;
    }
    Batch batch = idle.pollFirst();
    if (batch == null) {
      batch = new Batch(memory.apply(sizeBytes));
    }
    if (extra) {
      freeCount--;
    }
    batch.extra = extra;
    return batch;
  }

  /** Whether there is one beyond the shares. */
  synchronized boolean hasFree() {
    return freeCount > 0;
  }

  /** Gives a batch back. */
  synchronized void release(Batch batch) {
    if (batch.extra) {
      freeCount++;
    }
    idle.addFirst(batch);
    trim();
  }

  private void trim() {
    while (idle.size() > IDLE_MAX) {
      idle.removeLast();
    }
  }

  /** How many stores have a share now. */
  public synchronized int storeCount() {
    return storeCount;
  }
}
