package io.sluice.simulator.run;

import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.simulator.device.Faults;
import io.sluice.simulator.device.SimDiffStore;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.schedule.SimLimit;
import io.sluice.simulator.schedule.SimSignal;
import io.sluice.simulator.schedule.SimTask;
import io.sluice.swap.HandOver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;

/** The stores of a run, their provider, and its replacement by another. */
final class Stores implements Subject.Stores {
  private final World world;
  private final Faults faults;
  private final List<SimDiffStore> opened = new ArrayList<>();
  private final Map<String, SnapshotOracle> owners = new HashMap<>();
  private final List<SimSignal> waits = new ArrayList<>();
  private Provider provider = new Provider();
  private long providerId = 1;
  private long swaps;
  private int pins;
  private int pinsSinceSwap;
  private SimTask swapTask;
  private boolean expired;
  private final SimLimit copyLimit = new SimLimit(this::copyTimedOut);
  private final SimSignal answering;
  private boolean hanging;
  private int takeOversFailed;

  Stores(World world, Faults faults) {
    this.world = world;
    this.faults = faults;
    this.answering = new SimSignal(world.scheduler(), "a store's answer");
  }

  /** A snapshot has been taken into its store; a later one may be taken without it. */
  void taken(SnapshotOracle snapshot) {
    snapshot.stores().forEach(use -> owners.put(use.name, snapshot));
  }

  /** What is in a store is lost: with it its snapshot, and older ones of the same devices. */
  void excuseThoseWhoNeed(SimDiffStore store) {
    SnapshotOracle owner = owners.get(store.name());
    if (owner == null) {
      return;
    }
    for (SnapshotOracle.Part lost : owner.parts()) {
      for (SnapshotOracle slot : world.slots()) {
        SnapshotOracle.Part part = slot == null ? null : slot.part(lost.device);
        if (part != null && slot.order <= owner.order) {
          part.excused = true;
        }
      }
    }
  }

  /** All that were ever opened, or taken over. */
  List<SimDiffStore> opened() {
    return opened;
  }

  /** Uses of providers now. */
  int pins() {
    return pins;
  }

  @Override
  public DiffStoreProvider provider() {
    return provider;
  }

  @Override
  public long providerId() {
    return providerId;
  }

  @Override
  public Runnable pin() {
    pins++;
    pinsSinceSwap++;
    return () -> pins--;
  }

  /**
   * Another version of the provider is there, and the present one is not; unless a store was opened
   * since the swap began, whose pin refuses that.
   */
  void replaceProvider() {
    if (pins > pinsSinceSwap) {
      throw world.fail("P7 pins: the provider is to be replaced, and in use by " + pins);
    }
    if (pins == 0) {
      provider = new Provider();
      providerId++;
    }
  }

  /** How many replacements there were, up to now. */
  long swaps() {
    return swaps;
  }

  /** The provider is being replaced: store I/O waits. */
  void swapBegins() {
    swaps++;
    swapTask = world.scheduler().current();
    takeOversFailed = 0;
    pinsSinceSwap = 0;
  }

  /** It is over. */
  void swapEnds() {
    swapTask = null;
    expired = false;
  }

  /** Whether the provider is being replaced. */
  boolean isSwapping() {
    return swapTask != null;
  }

  /** Whether the task that runs is the one that replaces it. */
  boolean isSwapTask() {
    return swapTask == world.scheduler().current();
  }

  /** Store I/O that waits is told that it took too long, and so is what comes yet. */
  void expireWaits() {
    expired = true;
    excuseAll();
    for (SimSignal signal : waits) {
      if (signal.waiterCount() > 0) {
        world.reach(Reach.SWAP_TOO_LONG);
      }
      signal.wakeAll();
    }
  }

  private void excuseAll() {
    world.devices().forEach(device -> device.lossy = true);
    for (SnapshotOracle slot : world.slots()) {
      if (slot != null) {
        slot.excuseAll();
      }
    }
  }

  /** How long writes wait for their copies. */
  SimLimit copyLimit() {
    return copyLimit;
  }

  private void copyTimedOut() {
    world.reach(Reach.COPY_TIMED_OUT);
    excuseAll();
  }

  /** No store answers from now on. */
  void hang() {
    hanging = true;
  }

  /** Whether they do not. */
  boolean isHanging() {
    return hanging;
  }

  /** They answer again. */
  void goOn() {
    hanging = false;
    answering.wakeAll();
  }

  /** A call of a store waits for its answer. */
  void awaitAnswer() {
    while (hanging) {
      answering.await();
    }
  }

  /** Whether a take-over failed in the swap that runs. */
  boolean takeOverFailed() {
    return takeOversFailed > 0;
  }

  Subject.Waits newWait() {
    SimSignal signal = new SimSignal(world.scheduler(), "a store's provider");
    waits.add(signal);
    return world.tampering().waits(world, new Wait(signal));
  }

  private final class Wait implements Subject.Waits {
    private final SimSignal signal;

    Wait(SimSignal signal) {
      this.signal = signal;
    }

    @Override
    public boolean until(BooleanSupplier condition) {
      boolean waited = false;
      while (!condition.getAsBoolean()) {
        if (expired) {
          excuseAll(); // also what was made since
          return false;
        }
        waited = true;
        signal.await();
      }
      if (waited && swapTask != null) {
        world.reach(Reach.WAITED_FOR_SWAP);
      }
      return true;
    }

    @Override
    public boolean untilFree(BooleanSupplier condition) {
      while (!condition.getAsBoolean()) {
        if (!copyLimit.await(signal)) {
          return false;
        }
      }
      return true;
    }

    @Override
    public void changed() {
      signal.wakeAll();
    }
  }

  private final class Provider implements DiffStoreProvider {
    @Override
    public Set<String> kinds() {
      return Set.of(World.STORE_KIND);
    }

    /** The argument is NAME,CAPACITY,MAX in bytes. */
    @Override
    public DiffStore open(String kind, String argument) throws ErrnoException {
      world.scheduler().yieldPoint();
      String[] parts = argument.split(",", -1);
      SimDiffStore store =
          SimDiffStore.open(
              world.scheduler(),
              faults,
              world.told(),
              parts[0],
              Integer.parseInt(parts[1]),
              Long.parseLong(parts[2]));
      for (SnapshotOracle slot : world.slots()) {
        SnapshotOracle.StoreUse use = slot == null ? null : slot.store(parts[0]);
        if (use != null) {
          use.firstCapacityBytes = store.capacityBytes();
        }
      }
      return serve(store);
    }

    @Override
    public DiffStore takeOver(HandOver handOver) throws ErrnoException {
      world.scheduler().yieldPoint();
      SimDiffStore store;
      try {
        store = SimDiffStore.takeOver(handOver);
      } catch (ErrnoException e) {
        takeOversFailed++;
        throw e;
      }
      world.reach(Reach.STORE_TAKEN_OVER);
      return serve(store);
    }

    private DiffStore serve(SimDiffStore store) {
      opened.add(store);
      for (SnapshotOracle slot : world.slots()) {
        SnapshotOracle.StoreUse use = slot == null ? null : slot.store(store.name());
        if (use != null) {
          use.store = store;
        }
      }
      return world.tampering().store(world, store);
    }
  }
}
