package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.snapshot.StoreInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * The space of one snapshot in its difference storage, shared by the snapshot's devices: bytes from
 * 0 on, in one store or in several, one behind the other. Where bytes are in the space never
 * changes, whichever store they are in.
 *
 * <p>Saved chunks come by {@link #save}, which never waits for a store ({@link WriteBehind}); what
 * is written to images by {@link #allocate} and {@link #write}, which do. {@link #read} finds both.
 *
 * <p><b>Use</b>: the stores are closed by the last of the users to leave, so a snapshot can be
 * destroyed while its image is read, without waiting for the reader. Whoever touches the space, but
 * for the snapshot itself, does so between {@link #enter} and {@link #leave}.
 */
public final class DiffSpace {
  /** How many stores a space has at most. */
  public static final int STORE_COUNT_MAX = 16;

  /** Told, once for each store, that the last one is half through its last portion. */
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

  private final SpaceEdges edges;
  private final String user;
  private final FillRate rate;
  private final SpaceAllocator allocator;
  private final WriteBehind writeBehind;
  private final GrowthFailureListener growthFailed;

  /** What is in the stores. */
  private final Ranges written = new Ranges();

  /** What was written since a move last looked, or null if there is none. */
  private volatile Ranges moving;

  /** Where a move goes, until it is over. */
  private volatile StoreGate incoming;

  // The snapshot itself is the first user; 0 once the stores are closed.
  private final AtomicInteger users = new AtomicInteger(1);
  private final AtomicBoolean changing = new AtomicBoolean();
  private volatile boolean closed;

  /**
   * Takes over an open store and grows it to its first portion if it is small.
   *
   * @param provided the store; closed by the last user, from when this returns
   * @param user who it is for, for people
   * @param limitBytes how far it may grow; an existing store may be larger already
   * @param limitTold whether reaching the limit is news: not if it is all that could ever be needed
   * @throws ErrnoException ENOSPC if a small store is above the limit already; ENOMEM if too many
   *     stores are open; what growing throws. The store is left open
   */
  public DiffSpace(
      SpaceEdges edges,
      StoreSource.Provided provided,
      String user,
      long limitBytes,
      boolean limitTold,
      NoSpaceListener noSpace,
      GrowthFailureListener growthFailed)
      throws ErrnoException {
    this.edges = edges;
    this.user = user;
    this.rate = new FillRate(edges.clock());
    this.growthFailed = growthFailed;
    Segment first = new Segment(gate(provided), 0, limitBytes, limitTold);
    SpaceAllocator.growFirst(first, edges.portionBytes());
    Waiting waiting = edges.waits().get();
    this.allocator =
        new SpaceAllocator(
            first,
            edges.portionBytes(),
            edges.background(),
            new Patience(waiting, edges.waitLimit()),
            this::enter,
            this::leave,
            noSpace,
            growthFailed,
            rate);
    if (!edges.batches().join()) {
      throw new ErrnoException(
          Errno.ENOMEM,
          user
              + ": "
              + edges.batches().storeCountMax()
              + " stores are in use, which is all there is memory for; destroy a snapshot");
    }
    this.writeBehind =
        new WriteBehind(
            new BatchesOfASpace(this, allocator, growthFailed),
            edges.batches(),
            edges.background(),
            new Patience(waiting, edges.waitLimit()),
            edges.locks().get());
  }

  private StoreGate gate(StoreSource.Provided provided) {
    return new StoreGate(edges.stores(), provided, edges.waits().get(), user);
  }

  /** The longest data that one {@link #save} takes whole. */
  public int saveMaxBytes() {
    return edges.batches().sizeBytes();
  }

  /**
   * Saves leading units of data, as many as it can at once; at least one, if it has room for one.
   * Does not wait for the store, but for memory, and for a store that must grow.
   *
   * @param data read from its position, which moves past what was saved; the last unit may be short
   *     of data and gets its full room
   * @param unitBytes at most {@link #saveMaxBytes}
   * @param depositor told if they can't be stored after all
   * @param unit what the first unit is, for the depositor
   * @return where in the space the first unit is, or -1 if there is no room and none to be had
   * @throws ErrnoException ETIMEDOUT if the store takes longer than a write may wait; what growing
   *     throws
   */
  public long save(ByteBuffer data, int unitBytes, Depositor depositor, long unit)
      throws ErrnoException {
    return writeBehind.save(data, unitBytes, depositor, unit);
  }

  /**
   * Saves a piece of an allocated region that is too long for {@link #save}.
   *
   * @param data at most {@link #saveMaxBytes}, from position to limit
   */
  public void saveAt(long offsetBytes, ByteBuffer data, Depositor depositor, long unit)
      throws ErrnoException {
    writeBehind.saveAt(offsetBytes, data, depositor, unit);
  }

  /**
   * Waits until a range that was saved is stored, or its depositors know that it is not.
   *
   * @throws ErrnoException ETIMEDOUT if it takes longer than a write may wait
   */
  public void awaitStored(long startBytes, long endBytes) throws ErrnoException {
    writeBehind.awaitStored(startBytes, endBytes);
  }

  /**
   * Allocates a region. Waits for growth if the store may still grow.
   *
   * @param lengthBytes at least 1
   * @return where it starts in the space, or -1 if it does not fit and nothing can grow
   * @throws ErrnoException ETIMEDOUT if growth takes too long; what the last attempt to grow threw
   */
  public long allocate(int lengthBytes) throws ErrnoException {
    long at = allocator.allocate(lengthBytes);
    return at < 0 && writeBehind.giveUnusedBack() ? allocator.allocate(lengthBytes) : at;
  }

  /** Takes a region back that came to nothing. */
  public void giveBack(long offsetBytes, int lengthBytes) {
    allocator.giveBack(offsetBytes, lengthBytes);
  }

  /** Lets the last store grow until all have so much together, unless somebody set its limit. */
  public void raiseLimitTo(long bytes) {
    allocator.raiseLimitTo(bytes);
  }

  /**
   * Fills a buffer with what was saved or written; between {@link #enter} and {@link #leave}.
   *
   * @throws ErrnoException what the store throws; EIO if it is lost, or could not store this
   */
  public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    int limit = data.limit();
    long at = offsetBytes;
    long endBytes = at + data.remaining();
    while (at < endBytes) {
      int before = data.position();
      if (!writeBehind.read(at, data)) {
        long next = writeBehind.nextStart(at, endBytes);
        writeBehind.checkStored(at, next);
        data.limit(before + (int) (next - at));
        readStored(at, data);
        data.limit(limit);
      }
      at += data.position() - before;
    }
  }

  /** Reads what is in the stores. */
  void readStored(long offsetBytes, ByteBuffer data) throws ErrnoException {
    transfer(offsetBytes, data, false);
  }

  /**
   * Writes into an allocated region that no save has; between {@link #enter} and {@link #leave}.
   *
   * @throws ErrnoException what the store throws; EIO if it is lost
   */
  public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    transfer(offsetBytes, data, true);
  }

  private void transfer(long offsetBytes, ByteBuffer data, boolean write) throws ErrnoException {
    int limit = data.limit();
    long at = offsetBytes;
    while (data.hasRemaining()) {
      Segment segment = segmentOf(at);
      DiffStore store = segment.gate.enter();
      if (store == null) {
        continue; // another store has taken its place
      }
      int lengthBytes = (int) Math.min(data.remaining(), segment.endBytes() - at);
      data.limit(data.position() + lengthBytes);
      try {
        if (write) {
          store.write(at - segment.baseBytes, data);
          noteWritten(at, at + lengthBytes); // before a move can take the gate for drained
        } else {
          store.read(at - segment.baseBytes, data);
        }
      } finally {
        segment.gate.leave();
        data.limit(limit);
      }
      at += lengthBytes;
    }
  }

  private Segment segmentOf(long offsetBytes) {
    for (Segment segment : allocator.segments()) {
      if (offsetBytes < segment.endBytes()) {
        return segment;
      }
    }
    throw new IllegalStateException("byte " + offsetBytes + " is in no store of " + user);
  }

  private void noteWritten(long startBytes, long endBytes) {
    written.add(startBytes, endBytes);
    Ranges unmoved = moving;
    if (unmoved != null) {
      unmoved.add(startBytes, endBytes);
    }
  }

  /** Becomes a user of the stores; false if they are closed or about to be. */
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

  /** Stops being a user; the last one closes the stores. */
  public void leave() {
    if (users.decrementAndGet() == 0) { // and stays so: enter() does not revive it
      closeStores();
    }
  }

  /** As {@link #leave}, for a write of a device: it does not wait for a store to close. */
  public void leaveSoon() {
    if (users.decrementAndGet() == 0) {
      try {
        edges.background().execute(this::closeStores);
      } catch (RuntimeException | Error e) { // no thread to be had
        closeStores();
      }
    }
  }

  private void closeStores() {
    writeBehind.close();
    for (Segment segment : allocator.segments()) {
      close(segment.gate);
    }
    closed = true;
  }

  private void close(StoreGate gate) {
    try {
      gate.closeStore();
    } catch (ErrnoException e) {
      // Nothing in it is wanted any more; the provider has let go of what it could.
      growthFailed.growthFailed(e);
    }
  }

  /** Whether the stores are closed; nothing can enter since shortly before. */
  public boolean isClosed() {
    return closed;
  }

  /**
   * Adds a store, to be filled when the present ones are full as far as they have come; these grow
   * no more.
   *
   * @param provided closed by the last user, from when this returns
   * @param limitBytes how far it may grow
   * @param limitTold whether reaching the limit is news
   * @throws ErrnoException EBUSY while stores are moved, or if there are {@link #STORE_COUNT_MAX};
   *     else as the constructor. The store is left open
   */
  public void add(StoreSource.Provided provided, long limitBytes, boolean limitTold)
      throws ErrnoException {
    beginChange();
    try {
      if (allocator.segments().length == STORE_COUNT_MAX) {
        throw new ErrnoException(
            Errno.EBUSY,
            user + " has " + STORE_COUNT_MAX + " stores, the most; move them into one");
      }
      StoreGate gate = gate(provided);
      SpaceAllocator.growFirst(new Segment(gate, 0, limitBytes, limitTold), edges.portionBytes());
      allocator.append(gate, limitBytes, limitTold);
    } finally {
      endChange();
    }
  }

  /**
   * Keeps others from moving stores, adding one, or replacing their provider; until {@link
   * #endChange}.
   *
   * @throws ErrnoException EBUSY if somebody does
   */
  public void beginChange() throws ErrnoException {
    if (!changing.compareAndSet(false, true)) {
      throw new ErrnoException(
          Errno.EBUSY,
          user
              + ": it is being moved, or its provider replaced; wait for that, or give the move up");
    }
  }

  /** Whoever began is done. */
  public void endChange() {
    changing.set(false);
  }

  /**
   * Whether stores are being moved, so that their provider can't be replaced meanwhile; nor is a
   * move begun while it is replaced.
   */
  public boolean isChanging() {
    return changing.get();
  }

  /**
   * Prepares to move all that is in the stores into one, which takes their place. The stores can be
   * used meanwhile.
   *
   * @param provided owned by the move, which must be run
   * @throws ErrnoException EBUSY while another move runs, or a provider is being replaced; the
   *     store is left open
   */
  public StoreMove beginMove(StoreSource.Provided provided, long limitBytes, boolean limitTold)
      throws ErrnoException {
    beginChange();
    Segment target = new Segment(gate(provided), 0, limitBytes, limitTold);
    incoming = target.gate;
    return new StoreMove(this, allocator, target, edges.portionBytes(), edges.waitLimit());
  }

  /** From now on, what is written is taken down; all that was is, too. */
  Ranges takeDownWrites() {
    Ranges unmoved = new Ranges();
    moving = unmoved;
    unmoved.addAll(written);
    return unmoved;
  }

  /** The move is over; stores that are not in use any more are closed. */
  void moveEnded(List<StoreGate> unused) {
    moving = null;
    incoming = null;
    unused.forEach(this::close);
    endChange();
  }

  /** The open stores, for who replaces their provider. */
  public List<StoreGate> gates() {
    return Arrays.stream(allocator.segments()).map(segment -> segment.gate).toList();
  }

  /** Whether a store of this provider is in use, or about to be. */
  public boolean uses(long providerId) {
    StoreGate target = incoming;
    return (target != null && target.isProvidedBy(providerId))
        || gates().stream().anyMatch(gate -> gate.isProvidedBy(providerId));
  }

  /** Who it is for, for people. */
  public String user() {
    return user;
  }

  /**
   * Refuses a space of which a store is lost.
   *
   * @throws ErrnoException EIO
   */
  public void checkThere() throws ErrnoException {
    for (StoreGate gate : gates()) {
      gate.checkThere();
    }
  }

  /** What the stores' writes may change. */
  public List<StorageIdentity> identities() {
    return gates().stream().flatMap(gate -> gate.identities().stream()).toList();
  }

  /** The stores, for people. */
  public String description() {
    return gates().stream().map(StoreGate::description).collect(Collectors.joining(", "));
  }

  /** The fill level of each store, in the order in which they are filled. */
  public List<StoreInfo> infos() {
    Ranges unused = allocator.leftovers();
    writeBehind.addUnused(unused);
    long filledBytes = allocator.filledBytes();
    return Arrays.stream(allocator.segments())
        .map(segment -> segment.info(filledBytes, unused))
        .toList();
  }

  /** The fill level of all together. */
  public StoreInfo info() {
    List<StoreInfo> all = infos();
    return new StoreInfo(
        description(),
        all.stream().mapToLong(StoreInfo::capacityBytes).sum(),
        all.stream().mapToLong(StoreInfo::filledBytes).sum(),
        all.stream().mapToLong(StoreInfo::limitBytes).sum());
  }

  /** How fast they fill: bytes a second, over the last minute. */
  public long fillBytesPerSecond() {
    return rate.bytesPerSecond();
  }
}
