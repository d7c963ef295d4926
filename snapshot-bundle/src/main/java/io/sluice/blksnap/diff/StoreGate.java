package io.sluice.blksnap.diff;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.swap.HandOver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * One open store behind a gate: its provider can be replaced while it is in use. Open, the gate
 * costs a count up and down around each I/O, which is a system call. Closed, I/O waits until the
 * successor has taken the store over, at most until the deadline.
 *
 * <p>Entering counts first and looks at the flag then; closing sets the flag first and looks at the
 * count then. Both are volatile, so one of the two sees the other (Dekker).
 */
public final class StoreGate {
  private final StoreSource source;
  private final Waiting waiting;
  private final String user;
  private final AtomicInteger inFlight = new AtomicInteger();
  private volatile StoreSource.Provided provided;
  private volatile boolean held;
  private volatile boolean moved;
  private volatile ErrnoException lost;
  private volatile long capacityBytes;
  private volatile String description;
  private final long capacityMaxBytes;
  private final List<StorageIdentity> identities;
  private volatile boolean closed;
  // What is handed over; touched by the swap alone, which is one at a time.
  private HandOver given;

  /**
   * @param provided the open store
   * @param user for people, as it was opened
   */
  StoreGate(StoreSource source, StoreSource.Provided provided, Waiting waiting, String user) {
    this.source = source;
    this.provided = provided;
    this.waiting = waiting;
    this.user = user;
    DiffStore store = provided.store();
    this.capacityBytes = store.capacityBytes();
    this.capacityMaxBytes = store.capacityMaxBytes();
    this.description = store.description();
    this.identities = List.copyOf(store.identities());
  }

  /** What has been reserved so far. */
  long capacityBytes() {
    return capacityBytes;
  }

  /** What can be reserved at most. */
  long capacityMaxBytes() {
    return capacityMaxBytes;
  }

  /** What it is, for people. */
  String description() {
    return description;
  }

  /** Everything whose bytes its writes may change. */
  List<StorageIdentity> identities() {
    return identities;
  }

  /**
   * Reserves more.
   *
   * @return false if another store is in its place
   */
  boolean grow(long bytes) throws ErrnoException {
    DiffStore store = enter();
    if (store == null) {
      return false;
    }
    try {
      store.grow(bytes);
      capacityBytes = store.capacityBytes();
      description = store.description();
    } finally {
      leave();
    }
    return true;
  }

  /**
   * The store, for one call; then {@link #leave}.
   *
   * @return null if another store is in its place, and nothing is to be left
   * @throws ErrnoException ETIMEDOUT if the swap takes too long; EIO if the store is lost
   */
  DiffStore enter() throws ErrnoException {
    while (true) {
      inFlight.incrementAndGet();
      if (!held) {
        if (moved) {
          leave();
          return null;
        }
        if (lost == null) {
          return provided.store();
        }
        leave();
        checkThere();
      }
      leave();
      if (!waiting.until(() -> !held)) {
        throw new ErrnoException(
            Errno.ETIMEDOUT,
            user + ": its I/O is held for a swap or a move, and that takes too long");
      }
    }
  }

  /** The call is over. */
  void leave() {
    if (inFlight.decrementAndGet() == 0 && held) {
      waiting.changed();
    }
  }

  /** Who it is for, for people. */
  public String user() {
    return user;
  }

  /** Whether this bundle provides the store, and it is there. */
  public boolean isOf(long providerId) {
    return !held && isProvidedBy(providerId);
  }

  /** As {@link #isOf}, whoever holds its calls back. */
  public boolean isProvidedBy(long providerId) {
    return lost == null && provided.providerId() == providerId;
  }

  /** Holds calls back from now on. */
  public void close(Duration limit) {
    waiting.limit(limit);
    held = true;
  }

  /** The store, for who has closed the gate and drained it. */
  DiffStore heldStore() throws ErrnoException {
    checkThere();
    return provided.store();
  }

  /** Another store is in its place, from when calls go on. */
  void moved() {
    moved = true;
  }

  /** Lets calls go on. */
  public void open() {
    held = false;
    waiting.changed();
  }

  /**
   * Waits for the calls that run.
   *
   * @throws ErrnoException EAGAIN if they do not end in time
   */
  public void drain() throws ErrnoException {
    if (!waiting.until(() -> inFlight.get() == 0)) {
      throw new ErrnoException(
          Errno.EAGAIN, user + ": a call of its provider does not end in time; try again");
    }
  }

  /**
   * Gives the store away and its provider back; closed and drained.
   *
   * @throws ErrnoException EBUSY if the store can't be given away
   */
  public void handOver() throws ErrnoException {
    StoreSource.Provided before = provided;
    try {
      given = before.store().handOver();
    } catch (ErrnoException e) {
      throw new ErrnoException(
          Errno.EBUSY,
          user + " keeps its provider: " + e.text() + "; destroy the snapshot first",
          e);
    } catch (RuntimeException | LinkageError e) {
      throw new ErrnoException(Errno.EBUSY, user + " keeps its provider: " + e, e);
    }
    before.unpin().run();
  }

  /**
   * Takes the store up again, if it was given away, from whoever provides its kind now. {@link
   * #open} then, in any case.
   *
   * @throws ErrnoException if nobody can; the hand-over is closed, and what is in the store is lost
   */
  public void takeUp(Duration limit) throws ErrnoException {
    if (given == null) {
      return;
    }
    HandOver handOver = given;
    given = null;
    try {
      provided = source.takeOver(provided.kind(), handOver, user, limit);
      long leftBytes = provided.store().capacityBytes();
      if (leftBytes < capacityBytes) {
        lost =
            new ErrnoException(
                Errno.EIO, user + ": " + leftBytes + " bytes of " + capacityBytes + " are left");
        throw lost;
      }
    } catch (ErrnoException | RuntimeException | LinkageError e) {
      ErrnoException cause =
          e instanceof ErrnoException told
              ? told
              : new ErrnoException(Errno.EIO, user + ": take-over: " + e, e);
      if (lost == null) {
        lost = cause;
        closed = true; // by nobody: there is only the hand-over
        try {
          handOver.close();
        } catch (RuntimeException second) {
          cause.addSuppressed(second);
        }
      }
      throw cause;
    }
  }

  /** The store is of no more use, whatever its provider says. */
  public void lose(ErrnoException cause) {
    lost = cause;
  }

  /**
   * Refuses a store that is lost.
   *
   * @throws ErrnoException EIO
   */
  void checkThere() throws ErrnoException {
    ErrnoException cause = lost;
    if (cause != null) {
      throw new ErrnoException(Errno.EIO, user + " is lost: " + cause.text(), cause);
    }
  }

  /** Closes the store; nothing else runs, and nothing is handed over. */
  void closeStore() throws ErrnoException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      provided.store().close();
    } finally {
      provided.unpin().run();
    }
  }
}
