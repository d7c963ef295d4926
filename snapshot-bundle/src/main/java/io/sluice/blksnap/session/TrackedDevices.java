package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowChain;
import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.tracking.BlksnapParameters;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.blksnap.tracking.TrackerState;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.OnError;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/** The filter as it is registered, the devices it is on, and what their trackers answer. */
final class TrackedDevices implements FilterOperations, ChangeTracking {
  private static final int ALTITUDE = 500;

  private final EngineEdges edges;
  private final BlksnapParameters parameters;
  // Device name to its filter; put by attach, removed by detach, with that device frozen.
  private final Map<String, TrackedDevice> tracked = new ConcurrentHashMap<>();

  TrackedDevices(EngineEdges edges, BlksnapParameters parameters) {
    this.edges = edges;
    this.parameters = parameters;
  }

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

  /**
   * As good as none: what a write waits for here is its copy, and that is the store's storage. To
   * put the filter aside would fail the write, which nothing of a snapshot may do.
   */
  @Override
  public Duration callLimit() {
    return Duration.ofDays(365);
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    long capacityBytes = host.lower().geometry().sizeBytes();
    TrackedDevice device =
        new TrackedDevice(
            host,
            tracker(host, capacityBytes),
            new CowChain(edges.buffers(), edges.imageBuffers(), edges.locks(), edges.copyLimit()),
            this::keep,
            this::forget);
    tracked.put(host.deviceName(), device);
    return device;
  }

  /** Goes on where tracking stopped, if nothing has written since; else starts anew. */
  private ChangeTracker tracker(FilterHost host, long capacityBytes) throws ErrnoException {
    String name = host.deviceName();
    ChangeTracker fresh = new ChangeTracker(name, capacityBytes, parameters, edges.ids());
    CbtInfo size = fresh.info();
    return host.originStamp()
        .flatMap(stamp -> edges.states().claim(name, stamp, size.blockCount()))
        .filter(state -> state.capacityBytes() == capacityBytes)
        .filter(state -> 1L << state.blockShift() == size.blockSizeBytes())
        .map(state -> new ChangeTracker(name, state, parameters, edges.ids()))
        .orElse(fresh);
  }

  /** Nothing writes, and the filter has seen all writes until now. */
  private void keep(TrackedDevice device) {
    Optional<TrackerState> state = device.tracker().state();
    Optional<String> stamp = state.isEmpty() ? Optional.empty() : device.host().originStamp();
    stamp.ifPresent(text -> edges.states().save(device.name(), text, state.get()));
  }

  private void forget(TrackedDevice device) {
    tracked.remove(device.name(), device);
  }

  List<String> names() {
    return tracked.keySet().stream().sorted().toList();
  }

  /** What is in a store can't be had any more. */
  void storeLost(DiffSpace space, ErrnoException cause) {
    tracked.values().stream()
        .sorted(Comparator.comparing(TrackedDevice::name))
        .forEach(device -> device.chain().storeLost(space, cause));
  }

  /** A device, or null if it is not tracked. */
  TrackedDevice find(String name) {
    return tracked.get(name);
  }

  /**
   * A device, with the filter attached if it lacked it.
   *
   * @param attached where the name goes if it was attached here
   */
  TrackedDevice attached(String name, List<String> attached) throws ErrnoException {
    if (tracked.get(name) == null && attach(name)) {
      attached.add(name);
    }
    return orThrow(name);
  }

  /** False if somebody else attached it just before. */
  private boolean attach(String name) throws ErrnoException {
    try {
      edges.registry().attach(bypassed(name));
      return true;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EALREADY) {
        return false;
      }
      throw e;
    }
  }

  /** A fault of ours, such as a store that hangs, costs the snapshots and not the device. */
  private static AttachRequest bypassed(String name) {
    return new AttachRequest(
        name, FILTER_NAME, OptionalInt.empty(), OnError.BYPASS, Optional.empty(), Map.of());
  }

  /** Detaches what {@link #attached} attached for something that came to nothing. */
  void detachAgain(List<String> attached) {
    for (String name : attached) {
      try {
        edges.registry().detach(name, FILTER_NAME);
      } catch (ErrnoException e) {
        edges.log().accept("blksnap stays attached to " + name + ": " + e.getMessage());
      }
    }
  }

  private TrackedDevice orThrow(String name) throws ErrnoException {
    TrackedDevice device = tracked.get(name);
    if (device == null) {
      edges.registry().chain(name); // ENODEV if there is no such device
      throw new ErrnoException(
          Errno.ESRCH, "device " + name + " is not tracked; attach " + FILTER_NAME + " to it");
    }
    if (device.aside() != null) {
      throw new ErrnoException(
          Errno.ESRCH,
          "device "
              + name
              + " is tracked no more: "
              + device.aside()
              + "; detach "
              + FILTER_NAME
              + " and attach it again");
    }
    return device;
  }

  @Override
  public CbtInfo info(String device) throws ErrnoException {
    return orThrow(device).tracker().info();
  }

  @Override
  public void readMap(String device, long firstBlock, ByteBuffer target) throws ErrnoException {
    orThrow(device).tracker().readMap(firstBlock, target);
  }

  @Override
  public void markDirty(String device, List<SectorRange> ranges) throws ErrnoException {
    orThrow(device).tracker().markDirty(ranges);
  }

  @Override
  public List<SectorRange> changedSince(String device, UUID generation, int number)
      throws ErrnoException {
    return orThrow(device).tracker().changedSince(generation, number);
  }

  @Override
  public ChangeReport explain(String device, UUID generation, int number, int topCount)
      throws ErrnoException {
    return new ChangeExplainer(orThrow(device)).explain(generation, number, topCount);
  }
}
