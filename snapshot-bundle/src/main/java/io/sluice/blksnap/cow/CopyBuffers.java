package io.sluice.blksnap.cow;

import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The budget for chunks in flight: a fixed number of {@link CopyBuffer}s, made when first needed
 * and used again for ever. Who finds none waits for one, so memory never follows the write load. A
 * holder never waits for a second one, nor for a lock that somebody holds who waits for one.
 *
 * <p>Open for the simulator alone, which waits in its own way.
 */
public class CopyBuffers {
  private final Semaphore permits;
  private final AtomicReferenceArray<CopyBuffer> idle;

  /**
   * @param count how many copies may run at once, at least 1
   */
  public CopyBuffers(int count) {
    permits = new Semaphore(count);
    idle = new AtomicReferenceArray<>(count);
  }

  /** Takes a buffer, waiting for one if all are in use. Not interruptible: a write waits for it. */
  public CopyBuffer acquire() {
    permits.acquireUninterruptibly();
    for (int i = 0; i < idle.length(); i++) {
      if (idle.get(i) != null) {
        CopyBuffer buffer = idle.getAndSet(i, null);
        if (buffer != null) {
          return buffer;
        }
      }
    }
    // Fewer buffers than permits exist so far, or another holder is about to put one back.
    try {
      return new CopyBuffer();
    } catch (OutOfMemoryError e) {
      permits.release();
      throw e;
    }
  }

  /** Gives a buffer back. */
  public void release(CopyBuffer buffer) {
    for (int i = 0; i < idle.length(); i++) {
      if (idle.get(i) == null && idle.compareAndSet(i, null, buffer)) {
        break;
      }
    }
    permits.release();
  }

  /** How many are in use now. */
  public int inUseCount() {
    return idle.length() - permits.availablePermits();
  }
}
