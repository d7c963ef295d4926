package io.sluice.blksnap.session;

import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.diff.SpaceEdges;
import io.sluice.blksnap.diff.StoreMove;
import io.sluice.blksnap.diff.StoreSource;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.StoreRequest;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Lock;

/**
 * The difference storage of snapshots: opens stores, keeps them apart from the devices they serve,
 * adds and moves them.
 */
final class SnapshotStores {
  private final SpaceEdges edges;
  private final ChunkSizes chunks;
  private final Lock control;
  // Of snapshots that are gone too while somebody is in them; closed ones are weeded.
  private final List<DiffSpace> spaces = new CopyOnWriteArrayList<>();

  /**
   * @param control the engine's lock
   */
  SnapshotStores(SpaceEdges edges, ChunkSizes chunks, Lock control) {
    this.edges = edges;
    this.chunks = chunks;
    this.control = control;
  }

  /** All that are in use. */
  List<DiffSpace> spaces() {
    return spaces;
  }

  /** What takes a store over that was opened for it. */
  @FunctionalInterface
  private interface Use<T> {
    T take(StoreSource.Provided provided, long limitBytes, boolean limitTold) throws ErrnoException;
  }

  /** Opens a store for devices; closes it if it can't be used. */
  private <T> T open(
      StoreRequest request, Snapshot snapshot, List<TrackedDevice> devices, Use<T> use)
      throws ErrnoException {
    boolean implied = request.limitBytes() == 0;
    long limitBytes = implied ? roomBytes(snapshot, devices) : request.limitBytes();
    if (limitBytes < 0) {
      throw new ErrnoException(
          Errno.EINVAL, "store limit " + limitBytes + ": it can't be negative");
    }
    StoreSource.Provided provided =
        edges.stores().open(request.kind(), request.argument(), user(snapshot));
    try {
      checkApart(provided, devices);
      return use.take(provided, limitBytes, !implied);
    } catch (ErrnoException | RuntimeException e) {
      close(provided);
      throw e;
    }
  }

  /** Opens a new snapshot's first store; the engine's lock is held. */
  DiffSpace open(StoreRequest request, Snapshot snapshot, List<TrackedDevice> devices)
      throws ErrnoException {
    DiffSpace space =
        open(
            request,
            snapshot,
            devices,
            (provided, limitBytes, limitTold) ->
                new DiffSpace(
                    edges,
                    provided,
                    user(snapshot),
                    limitBytes,
                    limitTold,
                    snapshot::noSpace,
                    snapshot::growthFailed));
    spaces.removeIf(DiffSpace::isClosed);
    spaces.add(space);
    return space;
  }

  private static String user(Snapshot snapshot) {
    return "store of snapshot " + snapshot.label();
  }

  private static void close(StoreSource.Provided provided) throws ErrnoException {
    try {
      provided.store().close();
    } finally {
      provided.unpin().run();
    }
  }

  private long roomBytes(Snapshot snapshot, List<TrackedDevice> devices) throws ErrnoException {
    long bytes = 0;
    for (TrackedDevice device : devices) {
      bytes += chunks.roomBytes(snapshot, device);
    }
    return bytes;
  }

  /** Lets a snapshot's stores grow to all that its devices can need, if nobody set a limit. */
  void makeRoom(Snapshot snapshot) throws ErrnoException {
    snapshot.space().raiseLimitTo(roomBytes(snapshot, snapshot.devices()));
  }

  private static void checkApart(StoreSource.Provided provided, List<TrackedDevice> devices)
      throws ErrnoException {
    for (TrackedDevice device : devices) {
      if (provided.store().identities().contains(device.host().originIdentity())) {
        throw onDevice(provided.store().description(), device);
      }
    }
  }

  /**
   * Refuses a device that a snapshot's stores lie on.
   *
   * @throws ErrnoException EINVAL
   */
  static void checkApart(DiffSpace space, TrackedDevice device) throws ErrnoException {
    if (space.identities().contains(device.host().originIdentity())) {
      throw onDevice(space.description(), device);
    }
  }

  private static ErrnoException onDevice(String store, TrackedDevice device) {
    return new ErrnoException(
        Errno.EINVAL,
        store
            + " lies on device "
            + device.name()
            + " ("
            + device.host().originPath()
            + ") that it would serve; put the store elsewhere");
  }

  /** Adds a store; the engine's lock is held. */
  void add(Snapshot snapshot, StoreRequest request) throws ErrnoException {
    open(
        request,
        snapshot,
        snapshot.devices(),
        (provided, limitBytes, limitTold) -> {
          snapshot.space().add(provided, limitBytes, limitTold);
          return null;
        });
  }

  /** Moves all into one store. The engine's lock is taken to begin alone: a move takes its time. */
  void move(Snapshot snapshot, StoreRequest request, MoveProgress progress) throws ErrnoException {
    DiffSpace space = snapshot.space();
    StoreMove move;
    control.lock();
    try {
      if (!space.enter()) {
        throw gone(snapshot);
      }
      try {
        move = open(request, snapshot, snapshot.devices(), space::beginMove);
      } catch (ErrnoException | RuntimeException e) {
        space.leave();
        throw e;
      }
    } finally {
      control.unlock();
    }
    try {
      move.run((done, total) -> progress.moved(done, total) && !snapshot.isDestroyed());
    } catch (ErrnoException e) {
      throw snapshot.isDestroyed() ? gone(snapshot) : e;
    } finally {
      space.leave();
    }
  }

  private static ErrnoException gone(Snapshot snapshot) {
    return new ErrnoException(
        Errno.ESRCH, "move of the store of snapshot " + snapshot.label() + ": it was destroyed");
  }
}
