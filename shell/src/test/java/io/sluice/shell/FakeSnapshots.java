package io.sluice.shell;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.ChangedRegion;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.SnapshotState;
import io.sluice.snapshot.StoreInfo;
import io.sluice.snapshot.StoreRequest;
import io.sluice.snapshot.TakeRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Snapshots and change tracking in memory, with ids that count up from 1. */
public final class FakeSnapshots implements SnapshotControl, ChangeTracking {
  public static final UUID GENERATION = UUID.fromString("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
  public static final Instant TAKEN_AT = Instant.parse("2026-01-02T03:04:05Z");
  public static final int BLOCK_SIZE_BYTES = 65536;
  public static final int BLOCK_COUNT = (int) (FakeAgent.SIZE_BYTES / BLOCK_SIZE_BYTES);

  /** What {@link #create} was asked for, in order. */
  public final List<SnapshotRequest> requests = new ArrayList<>();

  /** What {@link #waitEvent} hands out, in order. */
  public final BlockingQueue<SnapshotEvent> events = new LinkedBlockingQueue<>();

  /** Counted down when somebody starts to wait, and when a wait was interrupted. */
  public volatile CountDownLatch waiting = new CountDownLatch(1);

  public final CountDownLatch interrupted = new CountDownLatch(1);

  /** Whether a move goes on until it is given up. */
  public volatile boolean moveIsEndless;

  /** Counted down when a move has come some way, and when one was given up. */
  public final CountDownLatch moving = new CountDownLatch(1);

  public final CountDownLatch givenUp = new CountDownLatch(1);

  /** How fast stores fill, once they are taken. */
  public volatile long fillBytesPerSecond;

  /** The errno that the next take fails with, or null. */
  public volatile Errno takeFails;

  /** Whether {@link #add} says ENOENT for a device without its tracker. */
  public volatile boolean addNeedsTracker;

  private final FakeAgent agent;
  private final Map<UUID, SnapshotInfo> snapshots = new LinkedHashMap<>();
  private final byte[] map = new byte[BLOCK_COUNT];
  private List<FreezeInfo> freezes = List.of();
  private int changesNumber;
  private long lastId;

  FakeSnapshots(FakeAgent agent) {
    this.agent = agent;
  }

  /** How often a move tells of its progress. */
  public static final long MOVE_STEPS = 4;

  /** The id of the n-th snapshot, from 1. */
  public static UUID id(long n) {
    return new UUID(0, n);
  }

  /** Sets the number of a tracking block. */
  public synchronized void mark(int block, int number) {
    map[block] = (byte) number;
  }

  synchronized List<String> images() {
    return snapshots.values().stream()
        .flatMap(s -> s.devices().stream())
        .map(SnapshotDeviceInfo::image)
        .filter(image -> !image.isEmpty())
        .toList();
  }

  @Override
  public synchronized UUID create(SnapshotRequest request) throws ErrnoException {
    requests.add(request);
    if (request.storeArgument().endsWith("missing")) {
      throw new ErrnoException(Errno.ENOENT, "store " + request.storeArgument() + ": no such file");
    }
    UUID id = id(++lastId);
    StoreInfo store =
        store(new StoreRequest(request.storeKind(), request.storeArgument(), request.limitBytes()));
    snapshots.put(
        id,
        new SnapshotInfo(
            id,
            request.name(),
            SnapshotState.CREATED,
            null,
            0,
            List.of(),
            List.of(),
            store,
            List.of(store),
            0));
    for (String device : request.devices()) {
      add(id, device);
    }
    return id;
  }

  @Override
  public synchronized void add(UUID snapshot, String device) throws ErrnoException {
    SnapshotInfo info = info(snapshot);
    agent.devices.info(device);
    if (addNeedsTracker && agent.filters.chain(device).isEmpty()) {
      throw new ErrnoException(Errno.ENOENT, "device " + device + ": not tracked");
    }
    List<SnapshotDeviceInfo> devices = new ArrayList<>(info.devices());
    if (devices.stream().anyMatch(d -> d.device().equals(device))) {
      throw new ErrnoException(Errno.EALREADY, "device " + device + ": in this snapshot already");
    }
    devices.add(new SnapshotDeviceInfo(device, "", 0, 0, 0, 0, 0, null, 0));
    put(info, info.state(), null, devices);
  }

  private void put(
      SnapshotInfo info, SnapshotState state, Instant at, List<SnapshotDeviceInfo> devices) {
    snapshots.put(
        info.id(),
        new SnapshotInfo(
            info.id(),
            info.name(),
            state,
            at,
            at == null ? 0 : 120_000,
            at == null ? List.of() : freezes,
            devices,
            info.store(),
            info.stores(),
            fillBytesPerSecond));
  }

  /** One that is called slow warns. */
  private static FreezeInfo freeze(String mountPoint) {
    return mountPoint.endsWith("slow")
        ? new FreezeInfo(mountPoint, 0, "freeze of " + mountPoint + ": as the test wants")
        : new FreezeInfo(mountPoint, 45_000_000, "");
  }

  private static StoreInfo store(StoreRequest request) {
    return new StoreInfo(request.kind() + " " + request.argument(), 4096, 0, request.limitBytes());
  }

  private synchronized void put(SnapshotInfo info, List<StoreInfo> stores) {
    StoreInfo sum =
        new StoreInfo(
            String.join(", ", stores.stream().map(StoreInfo::description).toList()),
            stores.stream().mapToLong(StoreInfo::capacityBytes).sum(),
            stores.stream().mapToLong(StoreInfo::filledBytes).sum(),
            stores.stream().mapToLong(StoreInfo::limitBytes).sum());
    snapshots.put(
        info.id(),
        new SnapshotInfo(
            info.id(),
            info.name(),
            info.state(),
            info.takenAt(),
            info.holdNanos(),
            info.freezes(),
            info.devices(),
            sum,
            stores,
            info.fillBytesPerSecond()));
  }

  @Override
  public synchronized void addStore(UUID snapshot, StoreRequest request) throws ErrnoException {
    SnapshotInfo info = info(snapshot);
    List<StoreInfo> stores = new ArrayList<>(info.stores());
    stores.add(store(request));
    put(info, stores);
  }

  @Override
  public void moveStores(UUID snapshot, StoreRequest request, MoveProgress progress)
      throws ErrnoException {
    SnapshotInfo info = info(snapshot);
    for (long done = 1; done <= MOVE_STEPS || moveIsEndless; done++) {
      if (!progress.moved(done * 4096, MOVE_STEPS * 4096)) {
        givenUp.countDown();
        throw new ErrnoException(Errno.ECANCELED, "move " + snapshot + ": given up");
      }
      moving.countDown();
    }
    put(info, List.of(store(request)));
  }

  @Override
  public synchronized SnapshotInfo take(TakeRequest request) throws ErrnoException {
    UUID snapshot = request.snapshot();
    SnapshotInfo info = info(snapshot);
    freezes = request.freeze().stream().map(FakeSnapshots::freeze).toList();
    if (takeFails != null) {
      throw new ErrnoException(takeFails, "take " + snapshot + ": as the test wants");
    }
    changesNumber++;
    String suffix = info.name().isEmpty() ? snapshot.toString() : info.name();
    List<SnapshotDeviceInfo> devices = new ArrayList<>();
    for (SnapshotDeviceInfo d : info.devices()) {
      devices.add(
          new SnapshotDeviceInfo(
              d.device(),
              d.device() + "@" + suffix,
              0,
              4096,
              2,
              1,
              8192,
              GENERATION,
              changesNumber));
    }
    put(info, SnapshotState.TAKEN, TAKEN_AT, devices);
    return info(snapshot);
  }

  @Override
  public synchronized SnapshotInfo info(UUID snapshot) throws ErrnoException {
    SnapshotInfo info = snapshots.get(snapshot);
    if (info == null) {
      throw new ErrnoException(Errno.ESRCH, "snapshot " + snapshot + ": there is none");
    }
    return info;
  }

  @Override
  public synchronized List<SnapshotInfo> list() {
    return List.copyOf(snapshots.values());
  }

  @Override
  public Optional<SnapshotEvent> waitEvent(UUID snapshot, Duration timeout) throws ErrnoException {
    info(snapshot);
    waiting.countDown();
    try {
      return Optional.ofNullable(events.poll(timeout.toMillis(), TimeUnit.MILLISECONDS));
    } catch (InterruptedException e) {
      interrupted.countDown();
      throw new ErrnoException(Errno.EINTR, "wait for " + snapshot + ": interrupted", e);
    }
  }

  @Override
  public synchronized void destroy(UUID snapshot) throws ErrnoException {
    if (snapshots.remove(snapshot) == null) {
      throw new ErrnoException(Errno.ENODEV, "snapshot " + snapshot + ": there is none");
    }
  }

  @Override
  public synchronized UUID resolve(String idOrName) throws ErrnoException {
    for (SnapshotInfo info : snapshots.values()) {
      if (info.name().equals(idOrName) || info.id().toString().equals(idOrName)) {
        return info.id();
      }
    }
    throw new ErrnoException(Errno.ESRCH, "snapshot \"" + idOrName + "\": there is none");
  }

  @Override
  public synchronized CbtInfo info(String device) throws ErrnoException {
    if (agent.filters.chain(device).stream().noneMatch(e -> e.filter().equals(FILTER_NAME))) {
      throw new ErrnoException(Errno.ESRCH, "device " + device + ": not tracked");
    }
    return new CbtInfo(
        device, FakeAgent.SIZE_BYTES, BLOCK_SIZE_BYTES, BLOCK_COUNT, GENERATION, changesNumber);
  }

  @Override
  public synchronized void readMap(String device, long firstBlock, ByteBuffer target)
      throws ErrnoException {
    info(device);
    if (firstBlock < 0 || target.remaining() > BLOCK_COUNT - firstBlock) {
      throw new ErrnoException(Errno.ENODATA, "map of " + device + ": outside");
    }
    target.put(map, (int) firstBlock, target.remaining());
  }

  @Override
  public synchronized void markDirty(String device, List<SectorRange> ranges)
      throws ErrnoException {
    info(device);
    int sectorsOfBlock = BLOCK_SIZE_BYTES / 512;
    for (SectorRange range : ranges) {
      if (range.firstSector() + range.sectorCount() > FakeAgent.SIZE_BYTES / 512) {
        throw new ErrnoException(Errno.EINVAL, "range " + range + ": past the device");
      }
    }
    for (SectorRange range : ranges) {
      mark((int) (range.firstSector() / sectorsOfBlock), 9);
    }
  }

  @Override
  public List<SectorRange> changedSince(String device, UUID generation, int number)
      throws ErrnoException {
    info(device);
    if (!generation.equals(GENERATION)) {
      throw new ErrnoException(Errno.ENODATA, "generation " + generation + " is over; read all");
    }
    return List.of(new SectorRange(128, 256), new SectorRange(1024, number));
  }

  @Override
  public ChangeReport explain(String device, UUID generation, int number, int topCount)
      throws ErrnoException {
    List<SectorRange> ranges = changedSince(device, generation, number);
    boolean held = !images().isEmpty();
    return new ChangeReport(
        info(device),
        number,
        3 << 16,
        ranges.size(),
        List.of(new ChangedRegion(0, 2048, 2 << 16), new ChangedRegion(2048, 2048, 1 << 16))
            .subList(0, Math.min(2, topCount)),
        ranges.subList(0, Math.min(2, topCount)),
        1 << 16,
        held ? "image " + images().get(0) : "live device " + device,
        List.of(new BlockSizeEffect(65536, 3, 3 << 16), new BlockSizeEffect(131072, 2, 4 << 16)),
        held ? images().get(0) : "",
        held
            ? List.of(new BlockSizeEffect(4096, 1, 4096), new BlockSizeEffect(65536, 1, 65536))
            : List.of(),
        held ? "" : "no snapshot is held that was taken last");
  }
}
