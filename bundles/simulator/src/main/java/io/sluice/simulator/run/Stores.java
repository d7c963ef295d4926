package io.sluice.simulator.run;

import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.simulator.device.Faults;
import io.sluice.simulator.device.SimDiffStore;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.schedule.SimSignal;
import io.sluice.swap.HandOver;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;

/** The stores of a run, their provider, and its replacement by another. */
final class Stores implements Subject.Stores {
  private final World world;
  private final Faults faults;
  private final List<SimDiffStore> opened = new ArrayList<>();
  private final List<Wait> waits = new ArrayList<>();
  private Provider provider = new Provider();
  private long providerId = 1;
  private int pins;

  Stores(World world, Faults faults) {
    this.world = world;
    this.faults = faults;
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
    return () -> pins--;
  }

  /** Another version of the provider is there, and the present one is not. */
  void replaceProvider() {
    if (pins > 0) {
      throw world.fail("P7 pins: the provider is replaced, and in use by " + pins);
    }
    provider = new Provider();
    providerId++;
  }

  /** Whether store I/O that waits is told that it took too long; holds for those to come too. */
  void expireWaits(boolean expired) {
    for (Wait wait : waits) {
      wait.expired = expired;
      wait.signal.wakeAll();
    }
  }

  Subject.Waits newWait() {
    Wait wait = new Wait(new SimSignal(world.scheduler(), "a store's provider"));
    waits.add(wait);
    return world.tampering().waits(world, wait);
  }

  private static final class Wait implements Subject.Waits {
    private final SimSignal signal;
    private boolean expired;

    Wait(SimSignal signal) {
      this.signal = signal;
    }

    @Override
    public boolean until(BooleanSupplier condition) {
      while (!condition.getAsBoolean()) {
        if (expired) {
          return false;
        }
        signal.await();
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
              world,
              parts[0],
              Integer.parseInt(parts[1]),
              Long.parseLong(parts[2]));
      for (SnapshotOracle slot : world.slots()) {
        if (slot != null && slot.storeName().equals(parts[0])) {
          slot.firstCapacityBytes = store.capacityBytes();
        }
      }
      return serve(store);
    }

    @Override
    public DiffStore takeOver(HandOver handOver) throws ErrnoException {
      world.scheduler().yieldPoint();
      return serve(SimDiffStore.takeOver(handOver));
    }

    private DiffStore serve(SimDiffStore store) {
      opened.add(store);
      for (SnapshotOracle slot : world.slots()) {
        if (slot != null && slot.storeName().equals(store.name())) {
          slot.store = store;
        }
      }
      return world.tampering().store(world, store);
    }
  }
}
