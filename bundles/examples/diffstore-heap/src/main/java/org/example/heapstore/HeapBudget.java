package org.example.heapstore;

/** How much of the heap the stores of one provider may take together. */
final class HeapBudget {
  private final long limitBytes;
  private long takenBytes;

  HeapBudget(long limitBytes) {
    this.limitBytes = limitBytes;
  }

  long limitBytes() {
    return limitBytes;
  }

  synchronized long leftBytes() {
    return limitBytes - takenBytes;
  }

  /** False, with nothing taken, if there is not so much left. */
  synchronized boolean take(long bytes) {
    if (bytes > limitBytes - takenBytes) {
      return false;
    }
    takenBytes += bytes;
    return true;
  }

  synchronized void giveBack(long bytes) {
    takenBytes -= bytes;
  }
}
