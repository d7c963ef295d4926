package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.diff.DiffSpace;
import io.sluice.blksnap.image.SnapshotImage;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotState;
import io.sluice.snapshot.StoreInfo;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * One snapshot: its devices, its space and its events. The engine changes it under its lock; what
 * is read without that lock is volatile or immutable.
 */
final class Snapshot {
  /** A device in the snapshot, and, once it is taken, what belongs to its image. */
  static final class Member {
    final TrackedDevice device;
    private volatile Taken taken;

    Member(TrackedDevice device) {
      this.device = device;
    }

    void taken(Taken value) {
      taken = value;
    }

    Taken taken() {
      return taken;
    }
  }

  /** What a take gives a device. */
  record Taken(
      CowArea area,
      CowArea written,
      SnapshotImage image,
      String imageName,
      CbtInfo cbt,
      Publications publication) {}

  /** The image's publication, which comes after the cut. */
  static final class Publications {
    private final String description;
    private volatile ImagePublisher.Publication published;
    private volatile boolean open;

    Publications(String description) {
      this.description = description;
    }

    String description() {
      return description;
    }

    /** Views can be had from now on; before the image is published, so that all find them then. */
    void open() {
      open = true;
    }

    boolean isOpen() {
      return open;
    }

    void set(ImagePublisher.Publication publication) {
      published = publication;
    }

    void withdraw() {
      open = false;
      ImagePublisher.Publication publication = published;
      if (publication != null) {
        publication.withdraw();
      }
    }
  }

  private final UUID id;
  private final String name;
  private final int chunkSizeBytes;
  private final InstantSource clock;
  private final Consumer<String> log;
  private final EventQueue events = new EventQueue();

  private volatile DiffSpace space;
  private volatile List<Member> members = List.of();
  private volatile Instant takenAt;
  private volatile long holdNanos;
  private volatile List<FreezeInfo> freezes = List.of();
  private volatile boolean destroyed;

  Snapshot(UUID id, String name, int chunkSizeBytes, InstantSource clock, Consumer<String> log) {
    this.id = id;
    this.name = name;
    this.chunkSizeBytes = chunkSizeBytes;
    this.clock = clock;
    this.log = log;
  }

  UUID id() {
    return id;
  }

  String name() {
    return name;
  }

  /** What people call it: the name, or the id if it has none. */
  String label() {
    return name.isEmpty() ? id.toString() : name;
  }

  /** The chunk asked for, or 0. */
  int chunkSizeBytes() {
    return chunkSizeBytes;
  }

  void space(DiffSpace value) {
    space = value;
  }

  DiffSpace space() {
    return space;
  }

  List<Member> members() {
    return members;
  }

  List<TrackedDevice> devices() {
    return members.stream().map(member -> member.device).toList();
  }

  boolean isDestroyed() {
    return destroyed;
  }

  void add(TrackedDevice device) {
    List<Member> longer = new ArrayList<>(members);
    longer.add(new Member(device));
    members = List.copyOf(longer);
    device.join(this);
  }

  boolean isTaken() {
    return takenAt != null;
  }

  Instant takenAt() {
    return takenAt;
  }

  void taken(Instant at, long heldNanos) {
    holdNanos = heldNanos;
    takenAt = at;
  }

  /** How the freezing went for a take, be it done or not. */
  void froze(List<FreezeInfo> infos) {
    freezes = infos;
    for (FreezeInfo info : infos) {
      if (!info.warning().isEmpty()) {
        log.accept("take of snapshot " + label() + ": " + info.warning());
      }
    }
  }

  /** Undoes a take whose images could not be published. */
  void untake() {
    endImages();
    takenAt = null;
    holdNanos = 0;
    members.forEach(member -> member.taken(null));
  }

  private void endImages() {
    for (Member member : members) {
      Taken taken = member.taken;
      if (taken != null) {
        taken.image().close(); // before copy-on-write stops, so that no read returns newer bytes
        member.device.chain().end(taken.area());
        member.device.tracker().drop(taken.image().map());
        taken.publication().withdraw();
      }
    }
  }

  /**
   * Ends the images and lets the devices and the store go; the last user of the store closes it,
   * and an older snapshot that needs what is in it is one.
   */
  void destroy() {
    destroyed = true;
    endImages();
    members.forEach(member -> member.device.leave(this));
    events.close();
    space.leave();
  }

  void noSpace(long grantedBytes) {
    if (destroyed) {
      return; // an older snapshot still fills the store
    }
    log.accept(
        "snapshot "
            + label()
            + ": "
            + space.info().description()
            + " can't grow beyond "
            + grantedBytes
            + " bytes and is half through its last portion");
    events.add(
        new SnapshotEvent(
            id, clock.instant(), SnapshotEvent.Code.NO_SPACE, "", 0, grantedBytes >>> 9));
  }

  void growthFailed(ErrnoException failure) {
    log.accept("snapshot " + label() + ": store: " + failure.getMessage());
  }

  void corrupted(TrackedDevice device, ErrnoException cause) {
    if (destroyed) {
      return; // it was saving for older snapshots, which go on without it
    }
    log.accept(
        "snapshot "
            + label()
            + " is lost on "
            + device.name()
            + ", which goes on unharmed: "
            + cause.getMessage());
    events.add(
        new SnapshotEvent(
            id,
            clock.instant(),
            SnapshotEvent.Code.CORRUPTED,
            device.name(),
            cause.errno().number(),
            0));
  }

  Optional<SnapshotEvent> waitEvent(Duration timeout) throws ErrnoException {
    return events.poll(id, timeout);
  }

  SnapshotInfo info() {
    List<SnapshotDeviceInfo> devices = new ArrayList<>();
    for (Member member : members) {
      devices.add(deviceInfo(member));
    }
    return new SnapshotInfo(
        id,
        name,
        isTaken() ? SnapshotState.TAKEN : SnapshotState.CREATED,
        takenAt,
        holdNanos,
        freezes,
        devices,
        storeInfo(),
        space.infos(),
        space.fillBytesPerSecond());
  }

  /** The store, and those of destroyed snapshots that this one still needs. */
  private StoreInfo storeInfo() {
    StoreInfo own = space.info();
    Set<String> kept = new LinkedHashSet<>();
    for (Member member : members) {
      Taken taken = member.taken;
      if (taken != null) {
        kept.addAll(member.device.chain().keptStores(taken.area()));
      }
    }
    if (kept.isEmpty()) {
      return own;
    }
    return new StoreInfo(
        own.description() + "; and " + String.join(", ", kept) + ", kept of destroyed snapshots",
        own.capacityBytes(),
        own.filledBytes(),
        own.limitBytes());
  }

  private static SnapshotDeviceInfo deviceInfo(Member member) {
    Taken taken = member.taken;
    if (taken == null) {
      return new SnapshotDeviceInfo(member.device.name(), "", 0, 0, 0, 0, 0, null, 0);
    }
    CowArea area = taken.area();
    CowArea written = taken.written();
    return new SnapshotDeviceInfo(
        member.device.name(),
        taken.imageName(),
        -area.errno(),
        1 << area.chunkShift(),
        area.chunksSaved() + written.chunksSaved(),
        area.chunksZero() + written.chunksZero(),
        area.bytesCopied() + written.bytesCopied(),
        taken.cbt().generationId(),
        taken.cbt().changesNumber());
  }
}
