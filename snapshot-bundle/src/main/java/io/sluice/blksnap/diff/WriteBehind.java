package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;

/**
 * Saved chunks between their writer and the store. A writer copies them into a {@link Batch} and
 * goes on; full batches are stored one after the other in the background. So small saves become
 * large writes, and no write to a device ever waits in a call of its store: it waits for a free
 * batch, and not longer than the limit. What is in a batch is read from there.
 *
 * <p>A batch that can't be stored is offered to those whose data it holds, and dropped.
 *
 * <p>The monitor is held for moments, never across I/O or a wait. {@link #opening} is held while
 * one writer waits on behalf of the others.
 */
final class WriteBehind {
  /** Where batches get their place, and where they go. */
  interface Destination {
    /**
     * Gives a batch a region of whole units, as long as it can be.
     *
     * @return false if there is no room for one unit
     */
    boolean allocate(Batch batch, int unitBytes, int lengthMaxBytes) throws ErrnoException;

    /** Takes the end of a batch's region back. */
    void giveBack(long offsetBytes, int lengthBytes);

    /** Stores bytes at their place. */
    void store(long offsetBytes, ByteBuffer data) throws ErrnoException;

    /** Becomes a user of the space; false if it is closed. */
    boolean enter();

    /** Stops being one. */
    void leave();

    /** For people. */
    String description();

    /** Somebody could not bear to hear that his data were not stored. */
    void fault(ErrnoException fault);
  }

  private static final Batch[] NONE = {};

  private final Destination destination;
  private final BatchBuffers buffers;
  private final Executor background;
  private final Patience patience;
  private final Lock opening;

  private final ArrayDeque<Batch> full = new ArrayDeque<>(BatchBuffers.COUNT_MAX);
  private Batch open;
  private int takenCount;
  private boolean storing;
  // Batches that can be read; replaced as a whole.
  private volatile Batch[] live = NONE;
  // What could not be stored.
  private final Ranges lost = new Ranges();

  /**
   * @param buffers joined; left by {@link #close}
   * @param background runs what may wait for the store, beside other such tasks
   * @param patience for batches to become free
   */
  WriteBehind(
      Destination destination,
      BatchBuffers buffers,
      Executor background,
      Patience patience,
      Lock opening) {
    this.destination = destination;
    this.buffers = buffers;
    this.background = background;
    this.patience = patience;
    this.opening = opening;
  }

  /**
   * Takes leading units of data over, as many as one batch has room for.
   *
   * @param data read from its position, which moves past what was taken; the last unit may be short
   *     of data and gets its full room
   * @param unit what the first is, for the depositor
   * @return where in the space the first is, or -1 if there is no room
   * @throws ErrnoException ETIMEDOUT at the limit; what allocating throws
   */
  long save(ByteBuffer data, int unitBytes, Depositor depositor, long unit) throws ErrnoException {
    while (true) {
      Batch batch;
      int at = -1;
      int end = 0;
      synchronized (this) {
        batch = open;
        if (batch != null) {
          at = batch.reserve(data.remaining(), unitBytes, depositor, unit);
          end = batch.reservedBytes;
        }
      }
      if (at >= 0) {
        long offsetBytes = batch.startBytes + at; // once it is filled it may be another one
        fill(batch, at, end, data);
        return offsetBytes;
      }
      if (!openAnother(batch, unitBytes)) {
        return -1;
      }
    }
  }

  /** Saves a piece of what has its place already. */
  void saveAt(long offsetBytes, ByteBuffer data, Depositor depositor, long unit)
      throws ErrnoException {
    Batch batch = take();
    int lengthBytes = data.remaining();
    batch.begin(offsetBytes, lengthBytes);
    synchronized (this) {
      batch.reserve(lengthBytes, lengthBytes, depositor, unit);
      publish(batch);
    }
    fill(batch, 0, lengthBytes, data);
  }

  private void fill(Batch batch, int from, int to, ByteBuffer data) {
    int lengthBytes = Math.min(to - from, data.remaining());
    batch.bytes.put(from, data, data.position(), lengthBytes);
    data.position(data.position() + lengthBytes);
    for (int at = from + lengthBytes; at < to; at++) {
      batch.bytes.put(at, (byte) 0); // nothing of another snapshot gets into the store
    }
    boolean start;
    synchronized (this) {
      batch.writerCount--;
      if (batch.reservedBytes == batch.lengthBytes) {
        batch.closed = true;
      }
      start = enqueueIfDone(batch);
    }
    if (start) {
      start();
    }
  }

  /** Whether somebody must start storing. The monitor is held. */
  private boolean enqueueIfDone(Batch batch) {
    if (!batch.closed || batch.writerCount > 0) {
      return false;
    }
    if (open == batch) {
      open = null;
    }
    full.add(batch);
    boolean start = !storing;
    storing = true;
    return start;
  }

  private void start() {
    try {
      background.execute(this::storeAll);
    } catch (RuntimeException | Error e) { // no thread to be had: tried again with the next batch
      synchronized (this) {
        storing = false;
      }
    }
  }

  /** Opens a batch in place of one that has no room; false if the space has none either. */
  private boolean openAnother(Batch seen, int unitBytes) throws ErrnoException {
    opening.lock();
    try {
      boolean replaced;
      synchronized (this) {
        replaced = open != seen;
      }
      if (!replaced && seen != null) {
        closeOpen(seen);
      }
      return replaced || open(unitBytes);
    } finally {
      opening.unlock();
    }
  }

  /** Gives back what a batch has and does not use yet; false if there is none. */
  boolean giveUnusedBack() {
    Batch batch;
    synchronized (this) {
      batch = open;
    }
    if (batch != null) {
      closeOpen(batch);
    }
    return batch != null;
  }

  private void closeOpen(Batch batch) {
    boolean start;
    long endBytes;
    int leftBytes;
    synchronized (this) {
      if (open != batch) {
        return; // the last to fill it was faster
      }
      open = null;
      leftBytes = batch.lengthBytes - batch.reservedBytes;
      batch.lengthBytes = batch.reservedBytes;
      endBytes = batch.startBytes + batch.reservedBytes;
      batch.closed = true;
      start = enqueueIfDone(batch);
    }
    if (start) {
      start();
    }
    if (leftBytes > 0) {
      destination.giveBack(endBytes, leftBytes);
    }
  }

  private boolean open(int unitBytes) throws ErrnoException {
    Batch batch = take();
    boolean allocated = false;
    try {
      allocated = destination.allocate(batch, unitBytes, buffers.sizeBytes());
    } finally {
      if (!allocated) {
        giveBack(batch);
      }
    }
    if (allocated) {
      synchronized (this) {
        publish(batch);
        open = batch;
      }
    }
    return allocated;
  }

  /** The monitor is held. */
  private void publish(Batch batch) {
    Batch[] more = Arrays.copyOf(live, live.length + 1);
    more[live.length] = batch;
    live = more;
  }

  private Batch take() throws ErrnoException {
    Batch batch = tryTake();
    while (batch == null) {
      await(this::mayTake);
      batch = tryTake();
    }
    return batch;
  }

  private void await(BooleanSupplier condition) throws ErrnoException {
    patience.await(condition, destination.description(), "nothing was stored");
  }

  /** As {@link DiffSpace#awaitStored}. */
  void awaitStored(long startBytes, long endBytes) throws ErrnoException {
    await(() -> find(startBytes) == null && nextStart(startBytes, endBytes) == endBytes);
  }

  private synchronized boolean mayTake() {
    return takenCount < BatchBuffers.RESERVED_COUNT
        || (takenCount < BatchBuffers.COUNT_MAX && buffers.hasFree());
  }

  private synchronized Batch tryTake() {
    if (takenCount == BatchBuffers.COUNT_MAX) {
      return null;
    }
    Batch batch = buffers.acquire(takenCount >= BatchBuffers.RESERVED_COUNT);
    if (batch != null) {
      takenCount++;
    }
    return batch;
  }

  private synchronized void giveBack(Batch batch) {
    takenCount--;
    buffers.release(batch);
  }

  /** Stores what is full; in the background. */
  private void storeAll() {
    if (!destination.enter()) {
      return; // closed, and nobody wants it
    }
    try {
      for (Batch batch = next(); batch != null; batch = next()) {
        store(batch);
      }
    } finally {
      destination.leave();
    }
  }

  private synchronized Batch next() {
    Batch batch = full.poll();
    storing = batch != null;
    return batch;
  }

  private void store(Batch batch) {
    try {
      destination.store(
          batch.startBytes, batch.bytes.duplicate().clear().limit(batch.reservedBytes));
    } catch (ErrnoException e) {
      notStored(batch, e);
    } catch (RuntimeException | Error e) {
      notStored(batch, new ErrnoException(Errno.EFAULT, destination.description() + ": " + e, e));
    }
    synchronized (this) {
      live = without(batch);
      batch.retired = true;
      if (batch.readerCount == 0) {
        giveBack(batch);
      }
    }
    patience.signOfLife();
  }

  private void notStored(Batch batch, ErrnoException cause) {
    Throwable thrown = batch.notStored(cause);
    lost.add(batch.startBytes, batch.startBytes + batch.reservedBytes);
    if (thrown != null) {
      destination.fault(new ErrnoException(Errno.EFAULT, "saved chunks: " + thrown, thrown));
    }
  }

  private Batch[] without(Batch batch) {
    List<Batch> rest = new ArrayList<>(Arrays.asList(live));
    rest.remove(batch);
    return rest.toArray(NONE);
  }

  /**
   * Reads from the batch that has the first byte, if one has.
   *
   * @param target filled from its position on, as far as that batch goes
   * @return false if the byte is not in a batch, and so is in the store
   */
  boolean read(long offsetBytes, ByteBuffer target) {
    Batch batch = pin(offsetBytes);
    if (batch == null) {
      return false;
    }
    int at = (int) (offsetBytes - batch.startBytes);
    int lengthBytes = Math.min(target.remaining(), batch.lengthBytes - at);
    target.put(target.position(), batch.bytes, at, lengthBytes);
    target.position(target.position() + lengthBytes);
    boolean last;
    synchronized (this) {
      last = --batch.readerCount == 0 && batch.retired;
      if (last) {
        giveBack(batch);
      }
    }
    if (last) {
      patience.changed();
    }
    return true;
  }

  private Batch pin(long offsetBytes) {
    if (find(offsetBytes) == null) {
      return null;
    }
    synchronized (this) { // it may be gone, and its buffer be used by another store
      Batch batch = find(offsetBytes);
      if (batch != null) {
        batch.readerCount++;
      }
      return batch;
    }
  }

  private Batch find(long offsetBytes) {
    for (Batch batch : live) {
      long at = offsetBytes - batch.startBytes;
      if (at >= 0 && at < batch.lengthBytes) {
        return batch;
      }
    }
    return null;
  }

  /** Where the next batch after an offset begins, or {@code endBytes} if none does before. */
  long nextStart(long offsetBytes, long endBytes) {
    long next = endBytes;
    for (Batch batch : live) {
      long start = batch.startBytes;
      if (start > offsetBytes && start < next) {
        next = start;
      }
    }
    return next;
  }

  /**
   * Refuses what could not be stored, so that nothing else is read in its place.
   *
   * @throws ErrnoException EIO
   */
  void checkStored(long startBytes, long endBytes) throws ErrnoException {
    if (lost.overlaps(startBytes, endBytes)) {
      throw new ErrnoException(
          Errno.EIO, destination.description() + ": a saved chunk could not be stored");
    }
  }

  /** Adds what is allocated to a batch and not used yet. */
  synchronized void addUnused(Ranges unused) {
    if (open != null) {
      unused.add(open.startBytes + open.reservedBytes, open.startBytes + open.lengthBytes);
    }
  }

  /** Drops what is left; nobody is in the space. */
  void close() {
    synchronized (this) {
      for (Batch batch : live) {
        giveBack(batch);
      }
      live = NONE;
      open = null;
      full.clear();
    }
    buffers.leave();
  }
}
