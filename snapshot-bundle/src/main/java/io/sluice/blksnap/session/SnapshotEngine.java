package io.sluice.blksnap.session;

import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
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
  private static final int ALTITUDE = 500;
  private static final int CHUNK_SIZE_MIN_BYTES = 4096;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}");

  private final EngineEdges edges;
  private final BlksnapParameters parameters;
  private final FilterOperations operations = new Operations();
  private final Lock control;
  // Device name to its filter; put by attach, removed by detach, with that device frozen.
  private final Map<String, TrackedDevice> tracked = new ConcurrentHashMap<>();
  // In the order of creation. Changed under the control lock; read under the map's own.
  private final Map<UUID, Snapshot> snapshots = Collections.synchronizedMap(new LinkedHashMap<>());

  /**
   * @param edges the world
   * @param parameters the kernel's parameters
   */
  public SnapshotEngine(EngineEdges edges, BlksnapParameters parameters) {
    this.edges = edges;
    this.parameters = parameters;
    this.control = edges.locks().get();
  }

  /** The filter, to be registered under {@link ChangeTracking#FILTER_NAME}. */
  public FilterOperations operations() {
    return operations;
  }

  private final class Operations implements FilterOperations {
    @Override
    public String name() {
      return FILTER_NAME;
    }

    @Override
    public int altitude() {
      return ALTITUDE;
    }

    @Override
    public Set<BioOp> ops() {
      return EnumSet.allOf(BioOp.class);
    }

    @Override
    public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
      if (!options.isEmpty()) {
        throw new ErrnoException(
            Errno.EINVAL,
            "attach of blksnap to " + host.deviceName() + ": it takes no options, not " + options);
      }
      long capacityBytes = host.lower().geometry().sizeBytes();
      TrackedDevice device =
          new TrackedDevice(
              host,
              new ChangeTracker(host.deviceName(), capacityBytes, parameters, edges.ids()),
              SnapshotEngine.this);
      tracked.put(host.deviceName(), device);
      return device;
    }
  }

  void forget(TrackedDevice device) {
    tracked.remove(device.name(), device);
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
          devices.add(trackedForSnapshot(name, attached));
        }
        return create(request, devices);
      } catch (ErrnoException | RuntimeException e) {
        detachAgain(attached);
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
    int chunk = request.chunkSizeBytes();
    int chunkMaxBytes = 1 << parameters.chunkMaximumShift();
    if (chunk != 0
        && (Integer.bitCount(chunk) != 1
            || chunk < CHUNK_SIZE_MIN_BYTES
            || chunk > chunkMaxBytes)) {
      throw new ErrnoException(
          Errno.EINVAL,
          "chunk size "
              + chunk
              + ": a power of two from "
              + CHUNK_SIZE_MIN_BYTES
              + " to "
              + chunkMaxBytes
              + " bytes, or none for the best fit");
    }
    if (request.limitBytes() < 0) {
      throw new ErrnoException(
          Errno.EINVAL, "store limit " + request.limitBytes() + ": it can't be negative");
    }
    if (new HashSet<>(request.devices()).size() < request.devices().size()) {
      throw new ErrnoException(
          Errno.EALREADY, "snapshot of " + request.devices() + ": a device is named twice");
    }
  }

  /** The tracked device, attaching the filter if it lacks; refused if a snapshot has it already. */
  private TrackedDevice trackedForSnapshot(String name, List<String> attached)
      throws ErrnoException {
    TrackedDevice device = tracked.get(name);
    if (device == null) {
      if (attach(name)) {
        attached.add(name);
      }
      device = trackedOrThrow(name);
    }
    Snapshot member = device.member();
    if (member != null) {
      throw new ErrnoException(
          Errno.EBUSY,
          "device " + name + ": it is in snapshot " + member.label() + "; destroy that first");
    }
    return device;
  }

  /** False if somebody else attached it just before. */
  private boolean attach(String name) throws ErrnoException {
    try {
      edges.registry().attach(AttachRequest.of(name, FILTER_NAME));
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EALREADY) {
        return false;
      }
      throw e;
    }
  }

  private void detachAgain(List<String> attached) {
    for (String name : attached) {
      try {
        edges.registry().detach(name, FILTER_NAME);
      } catch (ErrnoException e) {
        edges.log().accept("blksnap stays attached to " + name + ": " + e.getMessage());
      }
    }
  }

  private UUID create(SnapshotRequest request, List<TrackedDevice> devices) throws ErrnoException {
    boolean implied = request.limitBytes() == 0;
    Snapshot snapshot =
        new Snapshot(
            edges.ids().get(),
            request.name(),
            request.chunkSizeBytes(),
            implied,
            edges.clock(),
            edges.log());
    long limitBytes = request.limitBytes();
    for (TrackedDevice device : devices) {
      limitBytes += implied ? roomBytes(snapshot, device) : 0;
    }
    DiffStore store =
        edges
            .stores()
            .provider(request.storeKind())
            .open(request.storeKind(), request.storeArgument());
    try {
      snapshot.space(
          new DiffSpace(
              store,
              limitBytes,
              !implied,
              parameters.diffStorageMinimumBytes(),
              edges.growth(),
              edges.locks().get(),
              snapshot::noSpace,
              snapshot::growthFailed));
      for (TrackedDevice device : devices) {
        checkStoreApart(snapshot, device);
      }
    } catch (ErrnoException | RuntimeException e) {
      store.close();
      throw e;
    }
    devices.forEach(snapshot::add);
    snapshots.put(snapshot.id(), snapshot);
    return snapshot.id();
  }

  /** What a device's old data can need at most: each chunk once, the short last one whole. */
  private long roomBytes(Snapshot snapshot, TrackedDevice device) throws ErrnoException {
    long sizeBytes = device.host().lower().geometry().sizeBytes();
    int shift = chunkShift(snapshot, device, sizeBytes, sizeBytes);
    return BlksnapParameters.countOf(sizeBytes, shift) << shift;
  }

  private int chunkShift(Snapshot snapshot, TrackedDevice device, long sizeBytes, long limitBytes)
      throws ErrnoException {
    int blockSizeBytes = device.host().lower().geometry().blockSizeBytes();
    if (snapshot.chunkSizeBytes() == 0) {
      int shift = parameters.chunkShift(sizeBytes, limitBytes, blockSizeBytes);
      if (shift > parameters.chunkMaximumShift()) {
        throw new ErrnoException(
            Errno.EFAULT,
            "device "
                + device.name()
                + " of "
                + sizeBytes
                + " bytes needs chunks of "
                + (1L << shift)
                + " bytes; raise chunk_maximum_shift from "
                + parameters.chunkMaximumShift());
      }
      return shift;
    }
    int shift = Integer.numberOfTrailingZeros(snapshot.chunkSizeBytes());
    long chunkCount = BlksnapParameters.countOf(sizeBytes, shift);
    long countMax = 1L << parameters.chunkMaximumCountShift();
    if (chunkCount > countMax || 1 << shift < blockSizeBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "chunk size "
              + snapshot.chunkSizeBytes()
              + " on device "
              + device.name()
              + ": "
              + chunkCount
              + " chunks, of "
              + countMax
              + " at most, and not below its block size "
              + blockSizeBytes
              + "; give a larger one or none");
    }
    return shift;
  }

  private static void checkStoreApart(Snapshot snapshot, TrackedDevice device)
      throws ErrnoException {
    if (snapshot.space().identities().contains(device.host().originIdentity())) {
      throw new ErrnoException(
          Errno.EINVAL,
          snapshot.space().info().description()
              + " lies on device "
              + device.name()
              + " ("
              + device.host().originPath()
              + ") that it would serve; put the store elsewhere");
    }
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
      TrackedDevice present = tracked.get(name);
      if (present != null && present.member() == snapshot) {
        throw new ErrnoException(
            Errno.EALREADY, "device " + name + " is in snapshot " + snapshot.label());
      }
      List<String> attached = new ArrayList<>();
      try {
        TrackedDevice device = trackedForSnapshot(name, attached);
        checkStoreApart(snapshot, device);
        if (snapshot.limitImplied()) {
          snapshot.space().raiseLimit(roomBytes(snapshot, device));
        }
        snapshot.add(device);
      } catch (ErrnoException | RuntimeException e) {
        detachAgain(attached);
        throw e;
      }
    } finally {
      control.unlock();
    }
  }

  @Override
  public SnapshotInfo take(UUID id) throws ErrnoException {
    control.lock();
    try {
      Snapshot snapshot = snapshotOrThrow(id, Errno.ESRCH);
      if (snapshot.isTaken()) {
        throw new ErrnoException(Errno.EALREADY, "snapshot " + snapshot.label() + " is taken");
      }
      if (snapshot.members().isEmpty()) {
        throw new ErrnoException(
            Errno.ENODEV, "snapshot " + snapshot.label() + " has no devices; add one");
      }
      new Take(edges, snapshot, this::chunkShift).run();
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
    return tracked.keySet().stream().sorted().toList();
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

  private TrackedDevice trackedOrThrow(String name) throws ErrnoException {
    TrackedDevice device = tracked.get(name);
    if (device == null) {
      edges.registry().chain(name); // ENODEV if there is no such device
      throw new ErrnoException(
          Errno.ESRCH, "device " + name + " is not tracked; attach " + FILTER_NAME + " to it");
    }
    return device;
  }

  @Override
  public CbtInfo info(String device) throws ErrnoException {
    return trackedOrThrow(device).tracker().info();
  }

  @Override
  public void readMap(String device, long firstBlock, ByteBuffer target) throws ErrnoException {
    trackedOrThrow(device).tracker().readMap(firstBlock, target);
  }

  @Override
  public void markDirty(String device, List<SectorRange> ranges) throws ErrnoException {
    trackedOrThrow(device).tracker().markDirty(ranges);
  }

  @Override
  public List<SectorRange> changedSince(String device, UUID generation, int number)
      throws ErrnoException {
    return trackedOrThrow(device).tracker().changedSince(generation, number);
  }
}
