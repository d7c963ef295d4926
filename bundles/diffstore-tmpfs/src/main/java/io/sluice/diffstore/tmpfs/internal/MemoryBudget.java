package io.sluice.diffstore.tmpfs.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.function.LongSupplier;

/**
 * How much memory all stores together may reserve, and how much there is. The kernel does not
 * refuse to reserve memory that it has not: it ends processes. So it is asked before. Thread-safe.
 */
public final class MemoryBudget {
  private final long limitBytes;
  private final LongSupplier availableBytes;
  private long reservedBytes;

  /**
   * A budget of which nothing is used.
   *
   * @param limitBytes for all stores together
   * @param availableBytes what the machine could give without harm; asked at each reservation
   */
  public MemoryBudget(long limitBytes, LongSupplier availableBytes) {
    this.limitBytes = limitBytes;
    this.availableBytes = availableBytes;
  }

  long limitBytes() {
    return limitBytes;
  }

  synchronized long reservedBytes() {
    return reservedBytes;
  }

  /**
   * Takes a part for more of a store.
   *
   * @throws ErrnoException ENOSPC if it is not there; nothing is taken then
   */
  synchronized void reserve(long moreBytes) throws ErrnoException {
    if (moreBytes > limitBytes - reservedBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          moreBytes
              + " more are needed, of the limit of "
              + limitBytes
              + " for all tmpfs stores "
              + Math.max(0, limitBytes - reservedBytes)
              + " are left; raise it (sluice.diffstore.tmpfs.limit), or use a store on disk");
    }
    long thereBytes = availableBytes.getAsLong();
    if (moreBytes > thereBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          moreBytes
              + " more are needed, the machine has "
              + thereBytes
              + " of memory available; use a store on disk");
    }
    reservedBytes += moreBytes;
  }

  /** Counts what is there already, whatever the limit: a store that was taken over. */
  synchronized void count(long bytes) {
    reservedBytes += bytes;
  }

  synchronized void giveBack(long bytes) {
    reservedBytes -= bytes;
  }
}
