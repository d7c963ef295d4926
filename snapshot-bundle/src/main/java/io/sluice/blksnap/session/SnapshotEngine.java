package io.sluice.blksnap.session;

import io.sluice.blksnap.diff.SpaceEdges;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.block.DeviceViews;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.FilterOperations;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.StoreRequest;
import io.sluice.snapshot.TakeRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.Lock;
import java.util.regex.Pattern;

/**
 * The verbs of blksnap over the devices its filter is attached to.
 *
 * <p>One lock serialises the verbs that change something. It is taken before any lock of the
 * registry, and the registry, when it calls the filter, holds none that this class waits for:
 * attach and detach of the filter touch only the concurrent map of tracked devices.
 */
public final class SnapshotEngine implements SnapshotControl, ChangeTracking {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}");

  private final EngineEdges edges;
  private final ChunkSizes chunks;
  private final TrackedDevices tracked;
  private final Lock control;
  // In the order of creation. Changed under the control lock; read under the map's own.
  private final Map<UUID, Snapshot> snapshots = Collections.synchronizedMap(new LinkedHashMap<>());
  private final SnapshotStores stores;
  private final StoreSwap swap;

  /**
   * @param edges the world
   * @param parameters the kernel's parameters
   */
  public SnapshotEngine(EngineEdges edges, BlksnapParameters parameters) {
    this.edges = edges;
    this.chunks = new ChunkSizes(parameters);
    this.tracked = new TrackedDevices(edges, parameters);
    this.control = edges.locks().get();
    this.stores =
        new SnapshotStores(
            new SpaceEdges(
                edges.stores(),
                edges.locks(),
                edges.waits(),
                edges.background(),
                edges.batches(),
                edges.copyLimit(),
                edges.clock(),
                parameters.diffStorageMinimumBytes()),
            chunks,
            control);
    this.swap = new StoreSwap(control, stores.spaces(), tracked::storeLost);
  }

  /** The filter, to be registered under {@link ChangeTracking#FILTER_NAME}. */
  public FilterOperations operations() {
    return tracked;
  }

  /** Lets the bundles that provide stores be replaced while they are in use. */
  public StoreSwap storeSwap() {
    return swap;
  }

  /** Finds images, and what changed between any two of them. */
  public DeviceViews views() {
    return new ImageViews(this::all);
  }

  @Override
  public UUID create(SnapshotRequest request) throws ErrnoException {
    control.lock();
    try {
      checkRequest(request);
      List<String> attached = new ArrayList<>();
      try {
        List<TrackedDevice> devices = new ArrayList<>();
        for (String name : request.devices()) {
          devices.add(withRoom(name, attached));
        }
        return create(request, devices);
      } catch (ErrnoException | RuntimeException e) {
        tracked.detachAgain(attached);
        throw e;
      }
    } finally {
      control.unlock();
    }
  }

  private void checkRequest(SnapshotRequest request) throws ErrnoException {
    String name = request.name();
    if (!name.isEmpty()) {
      if (!NAME.matcher(name).matches() || isUuid(name)) {
        throw new ErrnoException(
            Errno.EINVAL,
            "snapshot name \""
                + name
                + "\": 1 to 64 letters, digits, '_', '.', '-', not starting with '.' or '-',"
                + " and no UUID");
      }
      for (Snapshot other : all()) {
        if (other.name().equals(name)) {
          throw new ErrnoException(
              Errno.EEXIST, "snapshot name " + name + ": taken by " + other.id());
        }
      }
    }
    chunks.check(request.chunkSizeBytes());
    if (new HashSet<>(request.devices()).size() < request.devices().size()) {
      throw new ErrnoException(
          Errno.EALREADY, "snapshot of " + request.devices() + ": a device is named twice");
    }
  }

  /** A tracked device with room for one snapshot more. */
  private TrackedDevice withRoom(String name, List<String> attached) throws ErrnoException {
    TrackedDevice device = tracked.attached(name, attached);
    ChunkSizes.checkRoom(device);
    return device;
  }

  private UUID create(SnapshotRequest request, List<TrackedDevice> devices) throws ErrnoException {
    Snapshot snapshot =
        new Snapshot(
            edges.ids().get(),
            request.name(),
            request.chunkSizeBytes(),
            edges.clock(),
            edges.log());
    snapshot.space(
        stores.open(
            new StoreRequest(request.storeKind(), request.storeArgument(), request.limitBytes()),
            snapshot,
            devices));
    devices.forEach(snapshot::add);
    snapshots.put(snapshot.id(), snapshot);
    return snapshot.id();
  }

  @Override
  public void add(UUID id, String name) throws ErrnoException {
    control.lock();
    try {
      Snapshot snapshot = snapshotOrThrow(id, Errno.ESRCH);
      if (snapshot.isTaken()) {
        throw new ErrnoException(
            Errno.EBUSY, "snapshot " + snapshot.label() + ": it is taken; no device can be added");
      }
      TrackedDevice present = tracked.find(name);
      if (present != null && present.members().contains(snapshot)) {
        throw new ErrnoException(
            Errno.EALREADY, "device " + name + " is in snapshot " + snapshot.label());
      }
      List<String> attached = new ArrayList<>();
      try {
        TrackedDevice device = withRoom(name, attached);
        SnapshotStores.checkApart(snapshot.space(), device);
        long roomBytes = chunks.roomBytes(snapshot, device);
        snapshot.space().raiseLimitTo(snapshot.space().info().limitBytes() + roomBytes);
        snapshot.add(device);
      } catch (ErrnoException | RuntimeException e) {
        tracked.detachAgain(attached);
        throw e;
      }
    } finally {
      control.unlock();
    }
  }

  @Override
  public SnapshotInfo take(TakeRequest request) throws ErrnoException {
    control.lock();
    try {
      Snapshot snapshot = snapshotOrThrow(request.snapshot(), Errno.ESRCH);
      if (snapshot.isTaken()) {
        throw new ErrnoException(Errno.EALREADY, "snapshot " + snapshot.label() + " is taken");
      }
      if (snapshot.members().isEmpty()) {
        throw new ErrnoException(
            Errno.ENODEV, "snapshot " + snapshot.label() + " has no devices; add one");
      }
      stores.makeRoom(snapshot); // for the chunks of now: its devices may be in others since
      new Take(edges, snapshot, chunks::chunkShift).run(request);
      return snapshot.info();
    } finally {
      control.unlock();
    }
  }

  @Override
  public SnapshotInfo info(UUID id) throws ErrnoException {
    return snapshotOrThrow(id, Errno.ESRCH).info();
  }

  @Override
  public List<SnapshotInfo> list() {
    return all().stream().map(Snapshot::info).toList();
  }

  private List<Snapshot> all() {
    synchronized (snapshots) {
      return List.copyOf(snapshots.values());
    }
  }

  @Override
  public Optional<SnapshotEvent> waitEvent(UUID id, Duration timeout) throws ErrnoException {
    return snapshotOrThrow(id, Errno.ESRCH).waitEvent(timeout);
  }

  @Override
  public void addStore(UUID id, StoreRequest store) throws ErrnoException {
    control.lock();
    try {
      stores.add(snapshotOrThrow(id, Errno.ESRCH), store);
    } finally {
      control.unlock();
    }
  }

  @Override
  public void moveStores(UUID id, StoreRequest store, MoveProgress progress) throws ErrnoException {
    stores.move(snapshotOrThrow(id, Errno.ESRCH), store, progress);
  }

  @Override
  public void destroy(UUID id) throws ErrnoException {
    control.lock();
    try {
      Snapshot snapshot = snapshotOrThrow(id, Errno.ENODEV);
      snapshots.remove(id);
      snapshot.destroy();
    } finally {
      control.unlock();
    }
  }

  /** Destroys every snapshot; for the end of the agent. */
  public void destroyAll() {
    for (Snapshot snapshot : all()) {
      try {
        destroy(snapshot.id());
      } catch (ErrnoException e) {
        edges.log().accept(e.getMessage()); // somebody else destroyed it first
      }
    }
  }

  /** The devices tracked now; for the end of the agent. */
  public List<String> trackedDevices() {
    return tracked.names();
  }

  @Override
  public UUID resolve(String idOrName) throws ErrnoException {
    for (Snapshot snapshot : all()) {
      if (snapshot.label().equals(idOrName) || snapshot.id().toString().equals(idOrName)) {
        return snapshot.id();
      }
    }
    if (!isUuid(idOrName) && !NAME.matcher(idOrName).matches()) {
      throw new ErrnoException(
          Errno.EINVAL, "\"" + idOrName + "\" is neither a snapshot's id nor a name");
    }
    throw new ErrnoException(
        Errno.ESRCH,
        "snapshot " + idOrName + ": there are " + all().stream().map(Snapshot::label).toList());
  }

  private static boolean isUuid(String text) {
    try {
      return UUID.fromString(text).toString().equalsIgnoreCase(text);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private Snapshot snapshotOrThrow(UUID id, Errno errno) throws ErrnoException {
    Snapshot snapshot = snapshots.get(id);
    if (snapshot == null) {
      throw new ErrnoException(errno, "snapshot " + id + ": there is none with this id");
    }
    return snapshot;
  }

  @Override
  public CbtInfo info(String device) throws ErrnoException {
    return tracked.info(device);
  }

  @Override
  public void readMap(String device, long firstBlock, ByteBuffer target) throws ErrnoException {
    tracked.readMap(device, firstBlock, target);
  }

  @Override
  public void markDirty(String device, List<SectorRange> ranges) throws ErrnoException {
    tracked.markDirty(device, ranges);
  }

  @Override
  public List<SectorRange> changedSince(String device, UUID generation, int number)
      throws ErrnoException {
    return tracked.changedSince(device, generation, number);
  }

  @Override
  public ChangeReport explain(String device, UUID generation, int number, int topCount)
      throws ErrnoException {
    return tracked.explain(device, generation, number, topCount);
  }
}
