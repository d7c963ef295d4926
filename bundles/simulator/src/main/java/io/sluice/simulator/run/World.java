package io.sluice.simulator.run;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceViews;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.device.Faults;
import io.sluice.simulator.device.SimDisk;
import io.sluice.simulator.device.SimLive;
import io.sluice.simulator.device.SimRegistry;
import io.sluice.simulator.oracle.CellModel;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.oracle.Stamp;
import io.sluice.simulator.oracle.TrackingOracle;
import io.sluice.simulator.schedule.SimFailure;
import io.sluice.simulator.schedule.SimLock;
import io.sluice.simulator.schedule.SimRandom;
import io.sluice.simulator.schedule.SimScheduler;
import io.sluice.simulator.schedule.SimSignal;
import io.sluice.simulator.schedule.SimTask;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/** Everything of one run: the devices, the engine on them, and what the oracle knows of both. */
public final class World {
  /** The kind of the simulated stores. */
  public static final String STORE_KIND = "sim";

  private final Plan plan;
  private final Told told;
  private final SimScheduler scheduler;
  private final Tampering tampering;
  private final SimRandom random;
  private final Faults faults;
  private final List<Device> devices = new ArrayList<>();
  private final SnapshotOracle[] slots = new SnapshotOracle[PlanGenerator.SLOTS];
  private final Stores stores;
  private final States states;
  private final Map<String, BlockDevice> published = new TreeMap<>();
  private final SimLock.Held heldLocks = new SimLock.Held();
  private final Map<Reach, Integer> reached = new EnumMap<>(Reach.class);
  private final int[] cellBytesByDevice;
  private final List<String> trace;
  private final SimRegistry registry;
  private final Subject subject;
  private final SnapshotControl control;
  private final ChangeTracking tracking;
  private final DeviceViews views;
  private final SimSignal tasksDone;
  private final SimSignal writeDone;
  private int tasksRunning;
  private int sequence;
  private int imageCount;
  private int takes;
  private int filterMoves;
  private int backgrounds;
  private int writeCount;

  /** A device, its layers and its oracles. */
  static final class Device {
    final SimDisk disk;
    final SimLive live;
    final CellModel model;
    final TrackingOracle tracking;
    final List<InFlight> inFlight = new ArrayList<>(4);
    // The order of the last take of this device, and of all.
    int lastTake;
    // The one before: it goes on saving if the last one's cut did not hold.
    int takeBefore;
    final List<Integer> takes = new ArrayList<>();
    // An image of this device may have been lost, so an older one may have got its chunks.
    boolean lossy;
    // The filter is being put aside or its device lost: it keeps nothing when it leaves.
    boolean disturbed;
    // What was saved and not claimed, what was claimed by the filter that comes, and what the one
    // that leaves has done.
    Keeping kept;
    TrackingOracle.Kept goingOn;
    Saving saving = Saving.NONE;
    // A verb was refused since the filter is leaving: it must.
    boolean saidToLeave;
    // The last takes, as a user would keep full backups of them.
    final Deque<Backup> backups = new ArrayDeque<>();

    Device(SimDisk disk, SimLive live, CellModel model) {
      this.disk = disk;
      this.live = live;
      this.model = model;
      this.tracking = new TrackingOracle(disk.name());
    }
  }

  /** What is kept of a device's changes, and the disk's stamp at that time. */
  record Keeping(String stamp, TrackingOracle.Kept known) {}

  /** Whether a filter that leaves has saved what it knows. */
  enum Saving {
    NONE,
    DONE,
    FAILED
  }

  /** A full copy of a device at a take, and the position that the engine gave it. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Backup(UUID generation, int number, byte[] bytes) {}

  /** A write to a live device inside its gate. */
  record InFlight(int number, long startBytes, long endBytes, boolean firstTouch) {}

  World(
      Plan plan,
      SimScheduler scheduler,
      Subject.Factory factory,
      Tampering tampering,
      boolean traced) {
    this.plan = plan;
    this.told = new Told(this);
    this.scheduler = scheduler;
    this.tampering = tampering;
    this.trace = traced ? new ArrayList<>() : null;
    this.random = new SimRandom(plan.seed() ^ 0x51B0_0F0FL);
    this.faults = new Faults(plan.faults());
    this.stores = new Stores(this, faults);
    this.states = new States(this, faults);
    this.tasksDone = new SimSignal(scheduler, "the other tasks");
    this.writeDone = new SimSignal(scheduler, "a write under way");
    this.cellBytesByDevice = plan.disks().stream().mapToInt(Plan.Disk::cellBytes).toArray();
    this.registry =
        new SimRegistry(
            scheduler,
            faults,
            told,
            tampering.freezeStyle(),
            filter -> tampering.filter(this, filter),
            lower -> tampering.lower(this, lower));
    for (int i = 0; i < plan.disks().size(); i++) {
      devices.add(device(i, plan.disks().get(i)));
    }
    this.subject = factory.create(edges(), plan);
    this.control = tampering.control(this, subject.control());
    this.tracking = tampering.tracking(this, subject.tracking());
    this.views = tampering.views(this, subject.views());
    try {
      registry.register(subject.operations());
    } catch (ErrnoException e) {
      throw new IllegalStateException(e);
    }
  }

  private Device device(int index, Plan.Disk spec) {
    SimDisk disk =
        new SimDisk(
            scheduler,
            random,
            faults,
            told,
            index,
            spec.cellBytes(),
            spec.cellCount(),
            spec.discardZeroes());
    byte[] cell = new byte[spec.cellBytes()];
    for (int i = 0; i < spec.cellCount(); i++) {
      if (!random.chance(spec.zeroPerMille())) {
        Stamp.fill(cell, 0, cell.length, nextSequence(), index, i);
        disk.fill(i, cell);
      }
    }
    CellModel model = new CellModel(spec.cellBytes(), disk.bytes().clone());
    return new Device(disk, registry.add(disk), model);
  }

  private Subject.Edges edges() {
    return new Subject.Edges(
        registry,
        stores,
        this::newLock,
        () -> stores.newWait(),
        tampering.states(this, states),
        this::runLater,
        () -> Instant.ofEpochMilli(scheduler.steps()),
        () -> new UUID(random.nextLong(), random.nextLong()),
        this::publish,
        new Budget(),
        new Budget(),
        line -> trace(() -> "log   " + line));
  }

  /** A number of things that tasks wait for. */
  private final class Budget implements Subject.Waiting {
    private final SimSignal free = new SimSignal(scheduler, "a copy buffer");
    private int outCount;

    @Override
    public void take(int count) {
      scheduler.yieldPoint();
      while (outCount >= count) {
        free.await();
      }
      outCount++;
    }

    @Override
    public void put() {
      outCount--;
      free.wakeOne();
    }
  }

  private Lock newLock() {
    return tampering.lock(
        this, new SimLock(scheduler, heldLocks, stores.copyLimit(), "a lock of the engine"));
  }

  private void runLater(Runnable body) {
    spawn("background-" + ++backgrounds, body);
  }

  /** Starts a task that the run's end waits for. */
  void spawn(String name, Runnable body) {
    tasksRunning++;
    scheduler.spawn(
        name,
        () -> {
          body.run();
          tasksRunning--;
          tasksDone.wakeAll();
        });
  }

  /** Waits for all tasks that were spawned. */
  void joinAll() {
    while (tasksRunning > 0) {
      tasksDone.await();
    }
  }

  private Runnable publish(String name, BlockDevice image) {
    int device = Integer.parseInt(name.substring("disk-".length(), name.indexOf('@')));
    for (SnapshotOracle slot : slots) {
      if (slot != null && slot.state == SnapshotOracle.State.TAKING) {
        SnapshotOracle.Part part = slot.part(device);
        if (part != null && part.atTake != null && name.endsWith("@" + slot.label)) {
          part.owner = 100 + imageCount++;
          part.model = new CellModel(cellBytesByDevice[device], part.atTake);
          part.image = tampering.image(this, device, image);
          checkSize(name, part);
          published.put(name, image);
          return () -> published.remove(name);
        }
      }
    }
    throw fail("P2 image: " + name + " was published without a take of its device");
  }

  /** P2: an image is as long as the device was at the take. */
  void checkSize(String name, SnapshotOracle.Part part) {
    long size = part.image.geometry().sizeBytes();
    if (size != part.atTake.length) {
      throw fail(
          "P2 image: " + name + " has " + size + " bytes, at the take " + part.atTake.length);
    }
  }

  // --- what the operations use -------------------------------------------------------------

  /** The plan. */
  public Plan plan() {
    return plan;
  }

  /** The scheduler. */
  public SimScheduler scheduler() {
    return scheduler;
  }

  /** The disk of a device. */
  public SimDisk disk(int index) {
    return devices.get(index).disk;
  }

  /** Whether a device's bios are held. */
  public boolean isFrozen(int device) {
    return devices.get(device).live.isFrozen();
  }

  /** Whether any snapshot is held now. */
  public boolean anySnapshotHeld() {
    return Arrays.stream(slots).anyMatch(slot -> slot != null && slot.isHeld());
  }

  /** Whether the task that runs adds or moves stores. */
  public boolean isChangingStores() {
    return Arrays.stream(slots)
        .anyMatch(slot -> slot != null && slot.changers.contains(scheduler.current()));
  }

  /** Whether some task adds or moves stores. */
  public boolean anyStoresChange() {
    return Arrays.stream(slots).anyMatch(slot -> slot != null && !slot.changers.isEmpty());
  }

  /** Whether the provider of stores is being replaced. */
  public boolean isSwapping() {
    return stores.isSwapping();
  }

  /** Whether the task that runs is the one that replaces it. */
  public boolean isSwapTask() {
    return stores.isSwapTask();
  }

  /** Whether nothing has touched these cells, on the device or its images, since the takes. */
  public boolean isUntouched(int device, long offsetBytes, long lengthBytes) {
    int first = (int) (offsetBytes / cellBytesByDevice[device]);
    int end = (int) ((offsetBytes + lengthBytes) / cellBytesByDevice[device]);
    return Slots.isUntouched(slots, device, first, end);
  }

  Device device(int index) {
    return devices.get(index);
  }

  /** How many cells a device has at last. */
  int cellCountMax(int device) {
    return plan.disks().get(device).cellCountMax();
  }

  /** A number for a write. */
  int nextWrite() {
    return ++writeCount;
  }

  /** The writes that are inside the gates. */
  List<InFlight> writesUnderWay() {
    return devices.stream().flatMap(device -> device.inFlight.stream()).toList();
  }

  /** Whether one of these is still there. */
  boolean isAnyUnderWay(List<InFlight> writes) {
    return devices.stream().flatMap(device -> device.inFlight.stream()).anyMatch(writes::contains);
  }

  /** Waits for a write to leave its gate. */
  void awaitWrite() {
    writeDone.await();
  }

  /** A write has left its gate. */
  void writeDone() {
    writeDone.wakeAll();
  }

  List<Device> devices() {
    return devices;
  }

  SnapshotOracle slot(int index) {
    return slots[index];
  }

  void slot(int index, SnapshotOracle value) {
    slots[index] = value;
  }

  /** What there is at each place; null where nothing is. */
  public SnapshotOracle[] slots() {
    return slots;
  }

  Subject subject() {
    return subject;
  }

  SnapshotControl control() {
    return control;
  }

  ChangeTracking tracking() {
    return tracking;
  }

  DeviceViews views() {
    return views;
  }

  SimRegistry registry() {
    return registry;
  }

  Tampering tampering() {
    return tampering;
  }

  int nextTake() {
    return ++takes;
  }

  void filterMoved() {
    filterMoves++;
  }

  /** Where the stores and disks tell of their faults. */
  Told told() {
    return told;
  }

  int filterMoves() {
    return filterMoves;
  }

  int[] cellBytesByDevice() {
    return cellBytesByDevice;
  }

  int nextSequence() {
    return ++sequence;
  }

  Stores stores() {
    return stores;
  }

  States states() {
    return states;
  }

  Set<String> publishedNames() {
    return published.keySet();
  }

  int heldLockCount() {
    return heldLocks.count();
  }

  void reach(Reach event) {
    reached.merge(event, 1, Integer::sum);
  }

  Map<Reach, Integer> reached() {
    return reached;
  }

  /** Ends the run: a property does not hold. */
  public SimFailure fail(String text) {
    SimTask task = scheduler.current();
    return scheduler.fail(
        new SimFailure(text + "\n  at step " + scheduler.steps() + ", by " + task.name()));
  }

  /** As {@link #fail(String)}, keeping what was thrown. */
  SimFailure fail(String text, Throwable cause) {
    SimTask task = scheduler.current();
    return scheduler.fail(
        new SimFailure(text + "\n  at step " + scheduler.steps() + ", by " + task.name(), cause));
  }

  /** A line of the trace, made only if somebody reads it. */
  void trace(Supplier<String> line) {
    if (trace != null) {
      trace.add(
          String.format("%6d %-12s %s", scheduler.steps(), scheduler.current().name(), line.get()));
    }
  }

  List<String> traceLines() {
    return trace == null ? List.of() : trace;
  }

  /** P1: the disk holds what its completed writes stored. */
  void checkDisk(Device device, String when) {
    byte[] bytes = device.disk.bytes();
    for (int cell = 0; cell < device.model.cellCount(); cell++) {
      String wrong = device.model.judge(null, cell, bytes, cell * device.disk.cellBytes());
      if (wrong != null) {
        throw fail("P1 origin: " + device.disk.name() + " " + when + ": " + wrong);
      }
    }
  }
}
