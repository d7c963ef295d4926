package io.sluice.simulator.run;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceViews;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.ProviderUser;
import java.time.InstantSource;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The engine under test, seen by its public faces. */
public interface Subject {
  /** Makes an engine for one run. */
  @FunctionalInterface
  interface Factory {
    /** A fresh engine on these edges. */
    Subject create(Edges edges, Plan plan);
  }

  /**
   * The simulated world, as far as an engine needs it.
   *
   * @param registry freezes and attaches
   * @param stores opens stores of kind {@link World#STORE_KIND}
   * @param locks cooperative locks
   * @param states keeps what is known of changes while no filter is there
   * @param waits makes what store I/O waits at while its provider is replaced
   * @param background runs a task beside the others
   * @param clock tells the run's steps
   * @param ids from the seed
   * @param images makes images known
   * @param buffers what tasks wait at for a buffer
   * @param imageBuffers the same, for writers of images
   * @param log told what an operator should know; goes to the trace
   */
  record Edges(
      FilterRegistry registry,
      Stores stores,
      Supplier<Lock> locks,
      Supplier<Waits> waits,
      States states,
      Executor background,
      InstantSource clock,
      Supplier<UUID> ids,
      Images images,
      Waiting buffers,
      Waiting imageBuffers,
      Consumer<String> log) {}

  /** Where an engine makes its images known. */
  @FunctionalInterface
  interface Images {
    /**
     * @return withdraws the image
     */
    Runnable publish(String name, BlockDevice image);
  }

  /** What is known of the changes of devices, while no filter is there. */
  interface States {
    /** Takes out what was saved under this stamp; what was under another is void. */
    Optional<byte[]> claim(String device, String stamp);

    /** Keeps it in place of what there is. */
    void save(String device, String stamp, byte[] state);
  }

  /** The provider of stores, which can be replaced by another. */
  interface Stores {
    /** Who provides stores now. */
    DiffStoreProvider provider();

    /** The number of that provider. */
    long providerId();

    /**
     * Keeps the provider from being replaced.
     *
     * @return lets it go
     */
    Runnable pin();
  }

  /** Where tasks wait until something holds, or until the world says that it took too long. */
  interface Waits {
    /** Waits; false if it took too long. */
    boolean until(BooleanSupplier condition);

    /** Waits, whatever is being replaced; false if the copy's time limit is over. */
    boolean untilFree(BooleanSupplier condition);

    /** Has all who wait look again. */
    void changed();
  }

  /** A counter that tasks wait for: a semaphore for engines with a budget. */
  interface Waiting {
    /** Takes one of {@code count}, waiting while all are out. */
    void take(int count);

    /** Puts one back. */
    void put();
  }

  /** The filter. */
  FilterOperations operations();

  /** The verbs. */
  SnapshotControl control();

  /** Change tracking. */
  ChangeTracking tracking();

  /** Images with maps. */
  DeviceViews views();

  /** Who holds store I/O back while a provider is replaced. */
  ProviderUser storeUser();

  /** Buffers that are out: none, at a run's end. */
  int buffersInUse();
}
