package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.snapshot.StoreInfo;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Lock;

/**
 * The space of one snapshot in its difference store, shared by the snapshot's devices: a linear
 * allocator that grows the store ahead of need.
 *
 * <p><b>Growth</b> follows blksnap's half-full rule: when half a portion or less is free, one
 * portion more is reserved in the background, up to the limit; a limit that forbids it is reported
 * once. Unlike the module, space is handed out only after it was reserved, so a writer that outruns
 * the growth waits for it; and a growth that failed is tried again at half the free space, at a
 * quarter, and so on, and a last time by the writer that finds nothing left.
 *
 * <p><b>Use</b>: the store is closed by the last of its users to leave, so a snapshot can be
 * destroyed while its image is read, without waiting for the reader. Whoever touches the store, but
 * for the snapshot itself, does so between {@link #enter} and {@link #leave}.
 */
public final class DiffSpace {
  /** Told, once, that the store is half through its last portion and can't grow. */
  @FunctionalInterface
  public interface NoSpaceListener {
    /**
     * @param grantedBytes what has been reserved so far
     */
    void noSpace(long grantedBytes);
  }

  /** Told of a growth that failed, which will be tried again. */
  @FunctionalInterface
  public interface GrowthFailureListener {
    /**
     * @param failure why
     */
    void growthFailed(ErrnoException failure);
  }

  private final StoreGate gate;
  private final long capacityMaxBytes;
  private final List<StorageIdentity> identities;
  private final boolean limitTold;
  private final long portionBytes;
  private final Executor growth;
  private final Lock growthLock;
  private final NoSpaceListener noSpace;
  private final GrowthFailureListener growthFailed;

  private final AtomicLong filledBytes = new AtomicLong();
  private final AtomicBoolean growthPending = new AtomicBoolean();
  private final AtomicBoolean noSpaceTold = new AtomicBoolean();
  // The snapshot itself is the first user; 0 once the store is closed.
  private final AtomicInteger users = new AtomicInteger(1);
  private volatile long limitBytes;
  private volatile long grantedBytes;
  private volatile long growBelowBytes;
  private volatile String description;

  /**
   * Takes over an open store and grows it to its first portion if it is small.
   *
   * @param stores where another version of its provider is found
   * @param provided the store; closed by the last user, from when this returns
   * @param user who it is for, for people
   * @param waiting for calls to end, or to go on, while the provider is replaced
   * @param limitBytes how far it may grow; an existing store may be larger already
   * @param limitTold whether reaching the limit is news: not if it is all that could ever be needed
   * @param portionBytes diff_storage_minimum
   * @param growth runs growth in the background
   * @param growthLock held around each growth
   * @throws ErrnoException ENOSPC if a small store is above the limit already, or what growing
   *     throws; the store is left open
   */
  public DiffSpace(
      StoreSource stores,
      StoreSource.Provided provided,
      String user,
      Waiting waiting,
      long limitBytes,
      boolean limitTold,
      long portionBytes,
      Executor growth,
      Lock growthLock,
      NoSpaceListener noSpace,
      GrowthFailureListener growthFailed)
      throws ErrnoException {
    DiffStore store = provided.store();
    this.gate = new StoreGate(stores, provided, waiting, user);
    this.capacityMaxBytes = store.capacityMaxBytes();
    this.identities = List.copyOf(store.identities());
    this.limitBytes = Math.min(limitBytes, capacityMaxBytes);
    this.limitTold = limitTold;
    this.portionBytes = portionBytes;
    this.growth = growth;
    this.growthLock = growthLock;
    this.noSpace = noSpace;
    this.growthFailed = growthFailed;
    this.growBelowBytes = halfPortionBytes();
    long capacityBytes = store.capacityBytes();
    if (capacityBytes <= portionBytes / 2) {
      if (limitTold && capacityBytes > this.limitBytes) {
        throw new ErrnoException(
            Errno.ENOSPC,
            store.description()
                + " has "
                + capacityBytes
                + " bytes, above the limit of "
                + this.limitBytes
                + "; raise the limit or give an empty store");
      }
      if (capacityBytes < this.limitBytes) {
        store.grow(nextCapacityBytes(capacityBytes));
      }
    }
    this.grantedBytes = store.capacityBytes();
    this.description = store.description();
  }

  /** A limit below one portion is itself the portion. */
  private long halfPortionBytes() {
    return Math.min(portionBytes, limitBytes) / 2;
  }

  private long nextCapacityBytes(long capacityBytes) {
    return capacityBytes + Math.min(portionBytes, limitBytes - capacityBytes);
  }

  /**
   * Allocates a region. Waits for growth if the store may still grow.
   *
   * @param lengthBytes at least 1
   * @return where it starts in the store, or -1 if it does not fit and the store can't grow
   * @throws ErrnoException what the last attempt to grow threw
   */
  public long allocate(int lengthBytes) throws ErrnoException {
    while (true) {
      long at = filledBytes.get();
      long granted = grantedBytes;
      if (at + lengthBytes > granted) {
        if (!growNow(granted)) {
          return -1;
        }
        continue;
      }
      if (filledBytes.compareAndSet(at, at + lengthBytes)) {
        if (granted - at - lengthBytes <= growBelowBytes) {
          growSoon(granted);
        }
        return at;
      }
    }
  }

  /**
   * Takes a region back that came to nothing, if it is the last one still; so a writer who tries
   * again and again does not eat the store.
   */
  public void giveBack(long offsetBytes, int lengthBytes) {
    boolean unused = filledBytes.compareAndSet(offsetBytes + lengthBytes, offsetBytes);
  }

  private void growSoon(long granted) {
    if (granted >= limitBytes) {
      if (limitTold && !noSpaceTold.getAndSet(true)) {
        noSpace.noSpace(granted);
      }
      return;
    }
    if (!growthPending.getAndSet(true)) {
      growth.execute(this::growInBackground);
    }
  }

  private void growInBackground() {
    if (!enter()) {
      return;
    }
    try {
      growNow(grantedBytes);
    } catch (ErrnoException e) {
      growBelowBytes = growBelowBytes / 2;
      growthFailed.growthFailed(e);
    } finally {
      growthPending.set(false);
      leave();
    }
  }

  /** Grows by a portion unless somebody has by now; false if the limit forbids it. */
  private boolean growNow(long grantedSeenBytes) throws ErrnoException {
    growthLock.lock();
    try {
      if (grantedBytes > grantedSeenBytes) {
        return true;
      }
      if (grantedBytes >= limitBytes) {
        return false;
      }
      DiffStore store = gate.enter();
      try {
        store.grow(nextCapacityBytes(grantedBytes));
        grantedBytes = store.capacityBytes();
        description = store.description();
      } finally {
        gate.leave();
      }
      growBelowBytes = halfPortionBytes();
      return true;
    } finally {
      growthLock.unlock();
    }
  }

  /** Lets the store grow further, when a device has been added. */
  public void raiseLimit(long bytes) {
    growthLock.lock();
    try {
      limitBytes = Math.min(limitBytes + bytes, capacityMaxBytes);
    } finally {
      growthLock.unlock();
    }
  }

  /** {@link DiffStore#read}; between {@link #enter} and {@link #leave}. */
  public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    DiffStore store = gate.enter();
    try {
      store.read(offsetBytes, data);
    } finally {
      gate.leave();
    }
  }

  /** {@link DiffStore#write}; between {@link #enter} and {@link #leave}. */
  public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    DiffStore store = gate.enter();
    try {
      store.write(offsetBytes, data);
    } finally {
      gate.leave();
    }
  }

  /** Becomes a user of the store; false if it is closed or about to be. */
  public boolean enter() {
    int seen = users.get();
    while (seen > 0) {
      if (users.compareAndSet(seen, seen + 1)) {
        return true;
      }
      seen = users.get();
    }
    return false;
  }

  /** Stops being a user; the last one closes the store. */
  public void leave() {
    if (users.decrementAndGet() == 0) { // and stays so: enter() does not revive it
      try {
        gate.closeStore();
      } catch (ErrnoException e) {
        // Nothing in it is wanted any more; the provider has let go of what it could.
        growthFailed.growthFailed(e);
      }
    }
  }

  /** Whether the store is closed, and nothing can enter any more. */
  public boolean isClosed() {
    return users.get() == 0;
  }

  /** Who it is for, for people. */
  public String user() {
    return gate.user();
  }

  /** Whether this bundle provides the store now. */
  public boolean isProvidedBy(long providerId) {
    return gate.isOf(providerId);
  }

  /** Begins a swap of the provider: store I/O waits from now on, at most this long. */
  public void hold(Duration limit) {
    gate.close(limit);
  }

  /**
   * Waits for store I/O that runs, while held.
   *
   * @throws ErrnoException EAGAIN if it does not end in time
   */
  public void drain() throws ErrnoException {
    gate.drain();
  }

  /**
   * Gives the store away, and its provider back; drained.
   *
   * @throws ErrnoException EBUSY if the store can't be given away
   */
  public void handOver() throws ErrnoException {
    gate.handOver();
  }

  /**
   * Takes the store up from whoever provides it now, if it was given away. {@link #letGo} then, in
   * any case.
   *
   * @throws ErrnoException if nobody can, and all that is in the store is lost
   */
  public void takeUp(Duration limit) throws ErrnoException {
    if (gate.isGiven()) {
      gate.takeUp(limit, grantedBytes);
    }
  }

  /** Ends the swap: store I/O goes on, or fails if the store is lost. */
  public void letGo() {
    gate.open();
  }

  /** The store's provider leaves with it. */
  public void lose(ErrnoException cause) {
    gate.lose(cause);
  }

  /**
   * Refuses a store that is lost.
   *
   * @throws ErrnoException EIO
   */
  public void checkThere() throws ErrnoException {
    gate.checkThere();
  }

  /** What the store's writes may change. */
  public List<StorageIdentity> identities() {
    return identities;
  }

  /** The store's fill level. */
  public StoreInfo info() {
    return new StoreInfo(description, grantedBytes, filledBytes.get(), limitBytes);
  }
}
