package io.sluice.snapshot;

import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Creates, takes and destroys snapshots. An OSGi service; all methods may be called from any
 * thread.
 *
 * <p>An image is a {@link io.sluice.block.BlockDevice} service of role image, named {@code
 * DEV@SNAP} with SNAP the snapshot's name if it has one, else its id. Nothing that happens to a
 * snapshot changes what a write to its devices does.
 */
@ProviderType
public interface SnapshotControl {
  /**
   * Opens the store and makes an empty snapshot with the devices given, attaching the tracking
   * filter to those that lack it.
   *
   * @throws ErrnoException ENODEV for a device that is not there; EALREADY for one named twice;
   *     EBUSY for one that has as many snapshots as it can; EEXIST if the name is taken; EINVAL for
   *     a chunk size, a limit or a store kind; ENOSPC if the store can't reach its first portion;
   *     else what opening the store throws. Nothing is created then
   */
  UUID create(SnapshotRequest request) throws ErrnoException;

  /**
   * Adds a device to a snapshot that is not taken yet.
   *
   * @throws ErrnoException ESRCH for no such snapshot; ENODEV for no such device; EALREADY if it is
   *     in this snapshot; EBUSY if it has as many snapshots as it can, or this one is taken; EINVAL
   *     if the store lies on it
   */
  void add(UUID snapshot, String device) throws ErrnoException;

  /**
   * The cut: holds all devices, drains them, switches tracking and copy-on-write on all, lets them
   * go and publishes the images.
   *
   * <p>The file systems named, and those found if it asks for that, are frozen before and thawed
   * after, whatever happens. One that can't be frozen, or not in time, is written out if it can be,
   * and the take goes on: {@link SnapshotInfo#freezes} tells.
   *
   * @throws ErrnoException ESRCH for no such snapshot; EALREADY if it is taken; ENODEV if it has no
   *     devices, or one is gone; EAGAIN if a device does not drain in time; EBUSY if one has as
   *     many snapshots as it can; EINVAL if one has others of another chunk size, or has shrunk
   *     under them; EIO if the store is lost; for a file system named: ENOENT and the like if there
   *     is no such path, EINVAL if nothing is mounted there or there are too many, EBUSY if the
   *     agent itself has files open on it. The snapshot is then as it was
   */
  SnapshotInfo take(TakeRequest request) throws ErrnoException;

  /** {@link #take(TakeRequest)} that freezes what is found to be mounted. */
  default SnapshotInfo take(UUID snapshot) throws ErrnoException {
    return take(new TakeRequest(snapshot, List.of(), true));
  }

  /**
   * One snapshot.
   *
   * @throws ErrnoException ESRCH for no such snapshot
   */
  SnapshotInfo info(UUID snapshot) throws ErrnoException;

  /** All snapshots, in the order of their creation. */
  List<SnapshotInfo> list();

  /**
   * Waits for a snapshot's next event and consumes it; events from before are kept.
   *
   * @param timeout zero for no waiting
   * @return the event, or empty at the time limit
   * @throws ErrnoException ESRCH for no such snapshot, also when it is destroyed meanwhile; EINTR
   *     if the thread is interrupted
   */
  Optional<SnapshotEvent> waitEvent(UUID snapshot, Duration timeout) throws ErrnoException;

  /**
   * Adds a store to a snapshot, also to one that is held. It is filled once the present ones are
   * full as far as they have come; these grow no more.
   *
   * @throws ErrnoException ESRCH for no such snapshot; EBUSY while its stores are moved or their
   *     provider is replaced, or if it has as many as it can; EINVAL for a store kind, a limit, or
   *     a store that lies on one of the snapshot's devices; ENOSPC if the store can't reach its
   *     first portion; else what opening the store throws. All is as it was then
   */
  void addStore(UUID snapshot, StoreRequest store) throws ErrnoException;

  /**
   * Moves all that is in a snapshot's stores into one, which takes their place; they are let go.
   * The snapshot is used meanwhile. Returns when it is done.
   *
   * @param progress told every now and then
   * @throws ErrnoException as {@link #addStore}; ECANCELED if {@code progress} says so; EAGAIN if a
   *     call of a store does not end; ENOSPC if the new store can't hold it all; ESRCH if the
   *     snapshot is destroyed meanwhile; what reading and writing the stores throw. All is as it
   *     was then
   */
  void moveStores(UUID snapshot, StoreRequest store, MoveProgress progress) throws ErrnoException;

  /**
   * Ends a snapshot: its images answer EIO from now on, however busy they are, and the store is let
   * go, as soon as no older snapshot of the devices needs what is in it.
   *
   * @throws ErrnoException ENODEV for no such snapshot
   */
  void destroy(UUID snapshot) throws ErrnoException;

  /**
   * The snapshot that a word means: an id, or a name.
   *
   * @throws ErrnoException ESRCH if there is none; EINVAL if it is neither
   */
  UUID resolve(String idOrName) throws ErrnoException;
}
