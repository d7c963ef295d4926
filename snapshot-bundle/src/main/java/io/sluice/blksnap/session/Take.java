package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.cow.CowChain;
import io.sluice.blksnap.cow.CowView;
import io.sluice.blksnap.image.SnapshotImage;
import io.sluice.blksnap.tracking.ChangeTracker;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Frozen;
import io.sluice.snapshot.TakeRequest;
import java.util.ArrayList;
import java.util.List;

/**
 * The cut. Everything that can fail or takes time is done before the gates close; between their
 * closing and their opening there are only assignments and the copies of the change maps. So the
 * hold is short, and a take either happens on all devices or on none.
 */
final class Take {
  private static final int ATTEMPT_COUNT_MAX = 3;

  /** The chunk of a device, as the engine computes it. */
  @FunctionalInterface
  interface ChunkShift {
    int of(Snapshot snapshot, TrackedDevice device, long sizeBytes, long limitBytes)
        throws ErrnoException;
  }

  private final EngineEdges edges;
  private final Snapshot snapshot;
  private final ChunkShift chunkShift;

  /** One device made ready. */
  private record Prepared(
      Snapshot.Member member,
      DeviceGeometry geometry,
      ChangeTracker.PreparedTake tracking,
      CowArea area,
      CowArea written,
      SnapshotImage image,
      String imageName) {}

  Take(EngineEdges edges, Snapshot snapshot, ChunkShift chunkShift) {
    this.edges = edges;
    this.snapshot = snapshot;
    this.chunkShift = chunkShift;
  }

  /**
   * Takes.
   *
   * @param request names file systems to freeze: before the gates close, because freezing writes
   *     through them, and until they are open again
   */
  void run(TakeRequest request) throws ErrnoException {
    List<String> mounted =
        request.freezeMounted()
            ? snapshot.members().stream().map(member -> member.device.name()).toList()
            : List.of();
    FileSystems.Freeze freeze = edges.fileSystems().freeze(request.freeze(), mounted);
    List<Prepared> devices;
    try {
      devices = cut();
    } finally {
      snapshot.froze(freeze.thaw());
    }
    publish(devices);
  }

  private List<Prepared> cut() throws ErrnoException {
    List<Prepared> devices = null;
    for (int attempt = 1; devices == null; attempt++) {
      List<Prepared> prepared = prepare();
      if (cut(prepared)) {
        devices = prepared;
      } else if (attempt == ATTEMPT_COUNT_MAX) {
        throw new ErrnoException(
            Errno.EAGAIN,
            "take of snapshot "
                + snapshot.label()
                + ": a device changed its size at each of "
                + ATTEMPT_COUNT_MAX
                + " attempts; try again when the resize is done");
      }
    }
    return devices;
  }

  private List<Prepared> prepare() throws ErrnoException {
    snapshot.space().checkThere();
    List<Prepared> prepared = new ArrayList<>();
    for (Snapshot.Member member : snapshot.members()) {
      prepared.add(prepare(member));
    }
    return prepared;
  }

  private Prepared prepare(Snapshot.Member member) throws ErrnoException {
    TrackedDevice device = member.device;
    if (device.aside() != null) {
      throw new ErrnoException(
          Errno.ENODEV,
          "take of snapshot "
              + snapshot.label()
              + ": device "
              + device.name()
              + " is gone ("
              + device.aside()
              + "); destroy the snapshot and create another");
    }
    ChunkSizes.checkRoom(device);
    DeviceGeometry geometry = device.host().lower().geometry();
    long sizeBytes = geometry.sizeBytes();
    int shift = chunkShift.of(snapshot, device, sizeBytes, snapshot.space().info().limitBytes());
    CowArea area =
        new CowArea(sizeBytes, shift, snapshot.space(), cause -> snapshot.corrupted(device, cause));
    CowArea written = new CowArea(sizeBytes, shift, snapshot.space(), area::corrupt);
    String imageName = device.name() + "@" + snapshot.label();
    ChangeTracker.PreparedTake tracking = device.tracker().prepareTake(sizeBytes);
    SnapshotImage image =
        new SnapshotImage(
            imageName,
            geometry,
            new CowView(device.chain(), area, written),
            snapshot.space(),
            device.host().lower(),
            device.tracker(),
            tracking.map());
    return new Prepared(member, geometry, tracking, area, written, image, imageName);
  }

  /**
   * Holds all devices and switches them; false if one has another size than it was prepared for.
   */
  private boolean cut(List<Prepared> devices) throws ErrnoException {
    List<CowArea> idle = new ArrayList<>(devices.size() * CowChain.AREA_COUNT_MAX);
    List<String> names = devices.stream().map(prepared -> prepared.member().device.name()).toList();
    try (Frozen frozen = edges.registry().freeze(names, edges.drainLimit())) {
      for (Prepared prepared : devices) {
        TrackedDevice device = prepared.member().device;
        if (device.aside() != null
            || device.host().lower().geometry().sizeBytes() != prepared.geometry().sizeBytes()) {
          return false;
        }
      }
      for (Prepared prepared : devices) {
        prepared.member().device.tracker().commitTake(prepared.tracking());
        prepared.member().device.begin(prepared.area(), idle);
      }
      snapshot.taken(edges.clock().instant(), frozen.heldNanos());
    }
    CowChain.letGo(idle);
    for (Prepared prepared : devices) {
      Snapshot.Member member = prepared.member();
      member.taken(
          new Snapshot.Taken(
              prepared.area(),
              prepared.written(),
              prepared.image(),
              prepared.imageName(),
              member.device.tracker().info(),
              new Snapshot.Publications(description(prepared))));
    }
    return true;
  }

  private void publish(List<Prepared> devices) {
    try {
      for (Prepared prepared : devices) {
        Snapshot.Taken taken = prepared.member().taken();
        Snapshot.Publications publication = taken.publication();
        publication.open();
        publication.set(
            edges
                .images()
                .publish(prepared.imageName(), publication.description(), prepared.image()));
      }
    } catch (RuntimeException e) {
      snapshot.untake();
      throw e;
    }
  }

  private String description(Prepared prepared) {
    return "image of "
        + prepared.member().device.name()
        + " in snapshot "
        + snapshot.label()
        + ", taken "
        + snapshot.takenAt();
  }
}
