package io.sluice.fuse.mount;

import io.sluice.fuse.session.RequestMemory;
import java.util.ArrayDeque;

/**
 * The memory of all threads, up to a total, used again and again: direct memory is only given back
 * by the garbage collector. Thread-safe.
 */
final class MemoryPool {
  /** What all of it may take. */
  static final long BUDGET_BYTES = 48L << 20;

  private final ArrayDeque<RequestMemory> idle = new ArrayDeque<>();
  private long madeBytes;

  /** Memory for one thread, or null if the budget or the JVM's direct memory is used up. */
  synchronized RequestMemory tryTake() {
    if (!idle.isEmpty()) {
      return idle.pop();
    }
    if (madeBytes + RequestMemory.COST_BYTES > BUDGET_BYTES) {
      return null;
    }
    try {
      RequestMemory made = new RequestMemory();
      madeBytes += RequestMemory.COST_BYTES;
      return made;
    } catch (OutOfMemoryError e) {
      // Only the direct memory is used up: the caller does without, and nothing else is harmed.
      return null;
    }
  }

  /** Takes memory back. */
  synchronized void give(RequestMemory memory) {
    idle.push(memory);
  }
}
