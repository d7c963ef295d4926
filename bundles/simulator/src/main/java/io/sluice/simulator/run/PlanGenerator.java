package io.sluice.simulator.run;

import io.sluice.block.Errno;
import io.sluice.simulator.device.FaultSite;
import io.sluice.simulator.device.Faults;
import io.sluice.simulator.schedule.SimRandom;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Makes a plan of a seed. Swarm testing: each seed enables a random part of the operations and
 * faults with random weights, so that the rare ones are not drowned by the common ones everywhere.
 */
public final class PlanGenerator {
  /** Places for snapshots; those from {@link #MANY_SLOT} on are for MANY_TAKES. */
  static final int SLOTS = 11;

  static final int MANY_SLOT = 6;
  private static final int WRITERS_MAX = 4;

  /** How many plans have chunks larger than the engine's buffers. They are slow. */
  private static final int LARGE_PER_MILLE = 15;

  /** Those that cost images come more often: they meet a held snapshot only by luck. */
  private static final List<FaultSite> FAULT_SITES =
      List.of(
          FaultSite.ORIGIN_READ,
          FaultSite.ORIGIN_WRITE,
          FaultSite.ORIGIN_FLUSH,
          FaultSite.ORIGIN_STATUS,
          FaultSite.ORIGIN_COPY_READ,
          FaultSite.ORIGIN_COPY_READ,
          FaultSite.ORIGIN_COPY_READ,
          FaultSite.STORE_READ,
          FaultSite.STORE_READ,
          FaultSite.STORE_WRITE,
          FaultSite.STORE_WRITE,
          FaultSite.STORE_WRITE,
          FaultSite.STORE_WRITE,
          FaultSite.STORE_GROW,
          FaultSite.STORE_GROW,
          FaultSite.STORE_OPEN,
          FaultSite.STORE_HAND_OVER,
          FaultSite.STORE_TAKE_OVER,
          FaultSite.STATE_SAVE,
          FaultSite.STATE_CLAIM,
          FaultSite.FREEZE);

  private final SimRandom random;
  private final List<Plan.Disk> disks = new ArrayList<>();
  private final Map<OpKind, Integer> weights = new EnumMap<>(OpKind.class);
  private final int[] hotCell = new int[3];
  private boolean pairs;
  private boolean large;
  private boolean many;
  private int chunkShift;

  private PlanGenerator(long seed) {
    this.random = new SimRandom(seed);
  }

  /** The plan of a seed; the same for ever, unless this class changes. */
  public static Plan plan(long seed) {
    return new PlanGenerator(seed).make(seed);
  }

  private Plan make(long seed) {
    large = random.chance(LARGE_PER_MILLE);
    chunkShift = large ? random.between(16, 19) : random.between(9, 12);
    int diskCount = random.oneOf(1, 1, 2, 2, 3);
    for (int i = 0; i < diskCount; i++) {
      disks.add(disk());
      hotCell[i] = hotCell(disks.get(i));
    }
    pairs = diskCount > 1 && random.chance(400);
    for (OpKind kind : OpKind.values()) {
      weights.put(kind, random.chance(250) ? 0 : random.between(1, 10));
    }
    weights.merge(OpKind.WRITE, 5, Integer::sum);
    List<Plan.Task> tasks = new ArrayList<>();
    many = !large && random.chance(30);
    addClients(tasks);
    int portionChunks = large ? 2 : random.oneOf(2, 2, 3, 5, 8, 64);
    return new Plan(
        seed,
        random.oneOf(0, 20, 100, 300, 300, 1000),
        List.copyOf(disks),
        random.between(9, 12),
        chunkShift,
        portionChunks << (chunkShift - 9),
        random.oneOf(1, 2, 3, 16),
        faults(),
        tasks);
  }

  /** Where most goes to; on a disk that grows, often about its first end. */
  private int hotCell(Plan.Disk disk) {
    return disk.growCells() > 0 && random.chance(500)
        ? disk.cellCount()
        : random.below(disk.cellCountMax());
  }

  private int growCells(int cells) {
    return random.chance(500) ? 0 : random.between(1, Math.max(2, cells / 2));
  }

  private Plan.Disk disk() {
    if (large) {
      int cells = random.between(5, 24);
      return new Plan.Disk(
          65536, cells, growCells(cells), random.chance(500), random.oneOf(0, 500, 1000));
    }
    int cellBytes = random.oneOf(512, 512, 512, 512, 512, 512, 1024, 64, 16, 4096);
    int cells =
        switch (cellBytes) {
          case 16 -> random.between(70, 400);
          case 64 -> random.between(30, 200);
          case 512 -> random.chance(150) ? random.between(97, 150) : random.between(16, 96);
          default -> random.between(5, 24);
        };
    return new Plan.Disk(
        cellBytes, cells, growCells(cells), random.chance(500), random.oneOf(0, 100, 500, 1000));
  }

  private void addClients(List<Plan.Task> tasks) {
    int writers = random.between(1, WRITERS_MAX);
    for (int i = 0; i < writers; i++) {
      tasks.add(
          new Plan.Task(
              "writer-" + i,
              ops(
                  random.between(5, 50),
                  OpKind.WRITE,
                  OpKind.WRITE_ZEROES,
                  OpKind.DISCARD,
                  OpKind.FLUSH,
                  OpKind.READ,
                  OpKind.STATUS,
                  OpKind.GROW)));
    }
    int imageUsers = random.between(0, 2);
    for (int i = 0; i < imageUsers; i++) {
      tasks.add(
          new Plan.Task(
              "image-user-" + i,
              ops(
                  random.between(5, 50),
                  OpKind.IMAGE_READ,
                  OpKind.IMAGE_WRITE,
                  OpKind.IMAGE_ZEROES,
                  OpKind.IMAGE_DISCARD,
                  OpKind.IMAGE_STATUS,
                  OpKind.IMAGE_FLUSH,
                  OpKind.IMAGE_CHECK,
                  OpKind.IMAGE_BAD)));
    }
    int controllers = random.oneOf(1, 1, 2);
    for (int i = 0; i < controllers; i++) {
      tasks.add(new Plan.Task("control-" + i, controlOps(i, controllers)));
    }
    if (random.chance(250)) {
      tasks.add(
          new Plan.Task(
              "store-mover",
              ops(
                  random.between(3, 20),
                  OpKind.ADD_STORE,
                  OpKind.MOVE_STORES,
                  OpKind.MOVE_STORES,
                  OpKind.IMAGE_CHECK)));
    }
    if (pairs) {
      int count = random.between(3, 20);
      List<SimOp> ops = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        ops.add(new SimOp(OpKind.PAIR, 0, 1, 0, 1, random.below(1 << 30)));
      }
      tasks.add(new Plan.Task("pair-writer", ops));
    }
    if (many) {
      int device = random.below(disks.size());
      tasks.add(
          new Plan.Task(
              "many-takes",
              List.of(
                  new SimOp(
                      OpKind.MANY_TAKES,
                      device,
                      MANY_SLOT,
                      0,
                      random.between(250, 300),
                      random.below(1 << 30)))));
    }
  }

  /** Rounds of create, take, use and destroy, with everything else in between. */
  private List<SimOp> controlOps(int task, int taskCount) {
    List<SimOp> ops = new ArrayList<>();
    int rounds = random.between(1, 7);
    int destroyPerMille = many ? 1000 : random.oneOf(800, 800, 300, 50);
    for (int round = 0; round < rounds; round++) {
      // A slot belongs to one task: what others may do to it at the same time is use it.
      int slot = ownSlot(task, taskCount);
      ops.addAll(control(slot, 2));
      ops.add(op(OpKind.CREATE, slot));
      ops.addAll(control(slot, 2));
      ops.add(op(OpKind.TAKE, slot));
      ops.addAll(control(slot, 6));
      if (random.chance(600)) {
        ops.add(op(OpKind.IMAGE_CHECK, slot));
      }
      if (random.chance(60)) {
        ops.add(op(random.chance(500) ? OpKind.PUT_ASIDE : OpKind.LOSE_DEVICE, slot));
      }
      if (random.chance(destroyPerMille)) {
        ops.add(op(OpKind.DESTROY, slot));
      }
      if (random.chance(300)) {
        ops.add(op(OpKind.DESTROY, ownSlot(task, taskCount))); // in any order
      }
    }
    return ops;
  }

  private int ownSlot(int task, int taskCount) {
    if (taskCount == 1) {
      return random.below(MANY_SLOT);
    }
    int half = MANY_SLOT / 2;
    return task == 0 ? random.below(half) : half + random.below(MANY_SLOT - half);
  }

  private List<SimOp> control(int slot, int most) {
    List<SimOp> ops = new ArrayList<>();
    int count = random.below(most + 1);
    for (int i = 0; i < count; i++) {
      OpKind kind =
          choose(
              OpKind.ADD,
              OpKind.TAKE,
              OpKind.DESTROY,
              OpKind.EVENTS,
              OpKind.INFO,
              OpKind.MARK_DIRTY,
              OpKind.CBT_CHECK,
              OpKind.CBT_CHECK,
              OpKind.ATTACH,
              OpKind.DETACH,
              OpKind.GROW,
              OpKind.GROW,
              OpKind.HANG_STORES,
              OpKind.SWAP_STORES,
              OpKind.SWAP_STORES,
              OpKind.ADD_STORE,
              OpKind.MOVE_STORES,
              OpKind.IMAGE_CHECK,
              OpKind.IMAGE_READ,
              OpKind.WRITE);
      if (kind != OpKind.DESTROY || random.chance(300)) {
        ops.add(op(kind, slot));
      }
      if (kind == OpKind.DETACH && random.chance(400)) {
        int device = ops.get(ops.size() - 1).device();
        ops.add(growth(device, slot));
        ops.add(new SimOp(OpKind.ATTACH, device, slot, 0, 0, 0));
      }
    }
    return ops;
  }

  private List<SimOp> ops(int count, OpKind... kinds) {
    List<SimOp> ops = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ops.add(op(choose(kinds), random.below(MANY_SLOT)));
    }
    return ops;
  }

  private OpKind choose(OpKind... kinds) {
    int sum = 0;
    for (OpKind kind : kinds) {
      sum += weights.get(kind);
    }
    if (sum == 0) {
      return kinds[random.below(kinds.length)];
    }
    int at = random.below(sum);
    for (OpKind kind : kinds) {
      at -= weights.get(kind);
      if (at < 0) {
        return kind;
      }
    }
    throw new IllegalStateException("weights changed");
  }

  private SimOp op(OpKind kind, int slot) {
    int device = random.below(disks.size());
    int variant = random.below(1 << 30);
    if (kind == OpKind.CREATE) {
      return new SimOp(kind, device, slot, devices(), 0, variant);
    }
    if (kind == OpKind.GROW) {
      return growth(device, slot);
    }
    int cells = disks.get(device).cellCountMax();
    if (kind == OpKind.MARK_DIRTY) {
      cells = Math.max(1, cells * disks.get(device).cellBytes() / 512);
    }
    // Cell 0 is the pair's alone.
    int least = pairs ? 1 : 0;
    int first =
        random.chance(400)
            ? Math.min(cells - 1, Math.max(least, hotCell[device] + random.between(-3, 3)))
            : random.between(least, cells - 1);
    if (random.chance(100)) {
      first = cells - 1;
    }
    int most = cells - first;
    int count =
        switch (random.below(10)) {
          case 0 -> most;
          case 1, 2 -> Math.min(most, (4096 / disks.get(device).cellBytes()) + 1);
          case 3 -> random.chance(100) ? 0 : 1;
          default -> Math.min(most, random.between(1, 4));
        };
    return new SimOp(kind, device, slot, first, count, variant);
  }

  private SimOp growth(int device, int slot) {
    int most = Math.max(1, disks.get(device).growCells());
    int cells = random.oneOf(1, random.between(1, most), most);
    return new SimOp(OpKind.GROW, device, slot, 0, cells, 0);
  }

  /** Usually one or all, as a mask. */
  private int devices() {
    int all = (1 << disks.size()) - 1;
    return random.chance(500) ? all : random.chance(100) ? 0 : 1 << random.below(disks.size());
  }

  private List<Faults.Fault> faults() {
    List<Faults.Fault> faults = new ArrayList<>();
    if (random.chance(500)) {
      return faults;
    }
    int count = random.between(1, 3);
    for (int i = 0; i < count; i++) {
      FaultSite site = FAULT_SITES.get(random.below(FAULT_SITES.size()));
      boolean store = site.name().startsWith("STORE");
      Errno errno =
          site == FaultSite.FREEZE
              ? Errno.EAGAIN
              : store && random.chance(500) ? Errno.ENOSPC : Errno.EIO;
      int most =
          switch (site) {
            case STORE_OPEN,
                STORE_GROW,
                STORE_HAND_OVER,
                STORE_TAKE_OVER,
                STATE_SAVE,
                STATE_CLAIM,
                FREEZE ->
                4;
            case STORE_READ, STORE_WRITE, ORIGIN_COPY_READ -> 15;
            default -> 40;
          };
      faults.add(new Faults.Fault(site, random.between(1, most), random.chance(300), errno));
    }
    return faults;
  }
}
