package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Arrays;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/**
 * Hands out the space of a snapshot from its start to its end, through one store after the other,
 * and has the last one grow ahead of need.
 *
 * <p>Growth follows blksnap's half-full rule: when half a portion or less is free, one portion more
 * is reserved in the background, up to the limit; a limit that forbids it is reported once for each
 * store. Unlike the module, space is handed out only after it was reserved, so who outruns the
 * growth waits for it, at most the limit for waits; and a growth that failed is tried again at half
 * the free space, at a quarter, and so on, and a last time for whoever finds nothing left.
 *
 * <p>The monitor guards all that changes, and is never held across I/O or a wait.
 */
final class SpaceAllocator {
  private static final int ALIGNMENT_BYTES = 4096;

  private final long portionBytes;
  private final Executor background;
  private final Patience patience;
  private final BooleanSupplier enter;
  private final Runnable leave;
  private final DiffSpace.NoSpaceListener noSpace;
  private final DiffSpace.GrowthFailureListener growthFailed;
  private final FillRate rate;

  private volatile Segment[] segments;
  private long filledBytes;
  // Below that, what is free again; used when nothing else is left.
  private final Ranges leftovers = new Ranges();
  private long growBelowBytes;
  private boolean noSpaceTold;
  private boolean growthPending;
  private volatile long growthsEnded;
  private volatile ErrnoException growthFailure;

  /**
   * @param first begins at 0, with its first portion reserved
   * @param background runs what may wait for the store
   * @param enter becomes a user of the space, so that no store of it is closed
   * @param leave stops being one
   */
  SpaceAllocator(
      Segment first,
      long portionBytes,
      Executor background,
      Patience patience,
      BooleanSupplier enter,
      Runnable leave,
      DiffSpace.NoSpaceListener noSpace,
      DiffSpace.GrowthFailureListener growthFailed,
      FillRate rate) {
    this.segments = new Segment[] {first};
    this.portionBytes = portionBytes;
    this.background = background;
    this.patience = patience;
    this.enter = enter;
    this.leave = leave;
    this.noSpace = noSpace;
    this.growthFailed = growthFailed;
    this.rate = rate;
    this.growBelowBytes = halfPortionBytes();
  }

  /**
   * Reserves a store's first portion, if it is small.
   *
   * @throws ErrnoException ENOSPC if a small store is above its limit already; what growing throws
   */
  static void growFirst(Segment segment, long portionBytes) throws ErrnoException {
    StoreGate gate = segment.gate;
    long capacityBytes = gate.capacityBytes();
    if (capacityBytes > portionBytes / 2) {
      return;
    }
    if (segment.limitTold && capacityBytes > segment.limitBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          gate.description()
              + " has "
              + capacityBytes
              + " bytes, above the limit of "
              + segment.limitBytes
              + "; raise the limit or give an empty store");
    }
    if (capacityBytes < segment.limitBytes) {
      gate.grow(capacityBytes + Math.min(portionBytes, segment.limitBytes - capacityBytes));
    }
  }

  /** The stores, from the first. */
  Segment[] segments() {
    return segments;
  }

  private Segment last() {
    return segments[segments.length - 1];
  }

  /** A limit below one portion is itself the portion. */
  private long halfPortionBytes() {
    return Math.min(portionBytes, last().limitBytes) / 2;
  }

  synchronized long filledBytes() {
    return filledBytes;
  }

  /**
   * A region.
   *
   * @param lengthBytes at least 1
   * @return where it starts, or -1 if it does not fit and nothing can grow
   * @throws ErrnoException ETIMEDOUT if growth takes too long; what the last attempt to grow threw
   */
  long allocate(int lengthBytes) throws ErrnoException {
    while (true) {
      long granted = last().endBytes();
      long at = tryAllocate(lengthBytes);
      if (at >= 0) {
        return at;
      }
      if (!awaitGrowth(granted)) {
        return -1;
      }
    }
  }

  private long tryAllocate(int lengthBytes) {
    long at;
    synchronized (this) {
      if (roomBytes(lengthBytes) < lengthBytes) {
        return leftovers.take(lengthBytes);
      }
      at = filledBytes;
      filledBytes += lengthBytes;
    }
    taken(lengthBytes);
    return at;
  }

  /** As {@link WriteBehind.Destination#allocate}. */
  boolean allocate(Batch batch, int unitBytes, int lengthMaxBytes) throws ErrnoException {
    while (true) {
      long granted = last().endBytes();
      if (tryAllocate(batch, unitBytes, lengthMaxBytes)) {
        return true;
      }
      if (!awaitGrowth(granted)) {
        return false;
      }
    }
  }

  private boolean tryAllocate(Batch batch, int unitBytes, int lengthMaxBytes) {
    int lengthBytes;
    synchronized (this) {
      long room = Math.min(roomBytes(unitBytes), lengthMaxBytes);
      lengthBytes = (int) room / unitBytes * unitBytes;
      if (lengthBytes <= 0) {
        long at = leftovers.take(unitBytes);
        if (at >= 0) {
          batch.begin(at, unitBytes);
        }
        return at >= 0;
      }
      batch.begin(filledBytes, lengthBytes);
      filledBytes += lengthBytes;
    }
    taken(lengthBytes);
    return true;
  }

  /** The room of the store that is being filled, or the next, for a region that fits no two. */
  private long roomBytes(int leastBytes) {
    for (Segment segment : segments) {
      long room = segment.endBytes() - filledBytes;
      if (room >= leastBytes || segment == last()) {
        return room;
      }
      if (room >= 0) {
        leftovers.add(filledBytes, segment.endBytes());
        filledBytes = nextBaseBytes(segment);
      }
    }
    throw new IllegalStateException("a space without a store");
  }

  private long nextBaseBytes(Segment segment) {
    int next = Arrays.asList(segments).indexOf(segment) + 1;
    return segments[next].baseBytes;
  }

  private void taken(int lengthBytes) {
    rate.add(lengthBytes);
    boolean tell = false;
    boolean grow = false;
    long grantedBytes;
    synchronized (this) {
      Segment last = last();
      grantedBytes = grantedBytes();
      if (last.endBytes() - filledBytes <= growBelowBytes) {
        if (last.lengthBytes() >= last.limitBytes) {
          tell = last.limitTold && !noSpaceTold;
          noSpaceTold |= tell;
        } else {
          grow = !growthPending;
          growthPending = true;
        }
      }
    }
    if (tell) {
      noSpace.noSpace(grantedBytes);
    }
    if (grow) {
      startGrowth();
    }
  }

  private long grantedBytes() {
    return Arrays.stream(segments).mapToLong(Segment::lengthBytes).sum();
  }

  /** Takes a region back that came to nothing. */
  synchronized void giveBack(long offsetBytes, int lengthBytes) {
    if (filledBytes == offsetBytes + lengthBytes) {
      filledBytes = offsetBytes;
    } else {
      leftovers.add(offsetBytes, offsetBytes + lengthBytes);
    }
  }

  /** A copy of what is free below {@link #filledBytes}. */
  Ranges leftovers() {
    Ranges copy = new Ranges();
    copy.addAll(leftovers);
    return copy;
  }

  /**
   * Waits for the space to become longer than it was; false if the limit forbids it.
   *
   * @throws ErrnoException ETIMEDOUT; or why the growth failed that this call began
   */
  private boolean awaitGrowth(long seenEndBytes) throws ErrnoException {
    while (last().endBytes() <= seenEndBytes) {
      boolean mine;
      long ended = growthsEnded;
      synchronized (this) {
        if (last().lengthBytes() >= last().limitBytes) {
          return false;
        }
        mine = !growthPending;
        growthPending = true;
      }
      if (mine) {
        startGrowth();
      }
      patience.await(
          () -> growthsEnded != ended || isLonger(seenEndBytes),
          last().gate.description(),
          "it did not grow");
      ErrnoException failure = growthFailure;
      if (mine && failure != null && !isLonger(seenEndBytes)) {
        throw failure;
      }
    }
    return true;
  }

  private boolean isLonger(long seenEndBytes) {
    return last().endBytes() > seenEndBytes;
  }

  private void startGrowth() {
    try {
      background.execute(this::grow);
    } catch (RuntimeException | Error e) { // no thread to be had
      growthEnded(new ErrnoException(Errno.ENOMEM, "growth of a store: " + e, e));
    }
  }

  /** Grows the last store by a portion; in the background. */
  private void grow() {
    if (!enter.getAsBoolean()) {
      growthEnded(null); // closed, and nobody wants it
      return;
    }
    ErrnoException failure = null;
    try {
      Segment last = last();
      long capacityBytes = last.gate.capacityBytes();
      if (capacityBytes < last.limitBytes) {
        boolean unused =
            last.gate.grow(capacityBytes + Math.min(portionBytes, last.limitBytes - capacityBytes));
      }
    } catch (ErrnoException e) {
      failure = e;
    } catch (RuntimeException | Error e) {
      failure = new ErrnoException(Errno.EFAULT, "growth of a store: " + e, e);
    }
    growthEnded(failure);
    leave.run();
  }

  private void growthEnded(ErrnoException failure) {
    synchronized (this) {
      growthPending = false;
      growBelowBytes = failure == null ? halfPortionBytes() : growBelowBytes / 2;
      growthFailure = failure;
      growthsEnded++;
    }
    patience.signOfLife();
    if (failure != null) {
      growthFailed.growthFailed(failure);
    }
  }

  /** Lets the last store grow until all have so much together, unless somebody set its limit. */
  synchronized void raiseLimitTo(long bytes) {
    Segment last = last();
    long limitBytes = Arrays.stream(segments).mapToLong(segment -> segment.limitBytes).sum();
    if (!last.limitTold && limitBytes < bytes) {
      last.raiseLimit(bytes - limitBytes);
    }
  }

  /**
   * Goes on in another store when the present ones are full, as far as they have come now.
   *
   * @return the store's part
   */
  synchronized Segment append(StoreGate gate, long limitBytes, boolean limitTold) {
    last().seal();
    long base = (last().endBytes() + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    Segment segment = new Segment(gate, base, limitBytes, limitTold);
    Segment[] more = Arrays.copyOf(segments, segments.length + 1);
    more[segments.length] = segment;
    segments = more;
    begin();
    return segment;
  }

  /** Puts one store in the place of all, unless it is too small by now. */
  synchronized boolean replace(Segment only) {
    if (only.endBytes() < filledBytes) {
      return false;
    }
    segments = new Segment[] {only};
    begin();
    return true;
  }

  private void begin() {
    noSpaceTold = false;
    growBelowBytes = halfPortionBytes();
  }
}
