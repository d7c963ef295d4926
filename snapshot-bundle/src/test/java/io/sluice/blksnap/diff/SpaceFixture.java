package io.sluice.blksnap.diff;

import io.sluice.blksnap.MemoryStore;
import io.sluice.blksnap.MemoryStores;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/** Spaces in one thread: the background runs when a test says so, or when somebody waits for it. */
abstract class SpaceFixture {
  static final int KIB = 1024;
  static final int PORTION = 128 * KIB;

  final ArrayDeque<Runnable> background = new ArrayDeque<>();
  final List<Long> noSpace = new ArrayList<>();
  final List<Errno> failures = new ArrayList<>();
  final MemoryStores stores = new MemoryStores();
  final BatchBuffers batches = new BatchBuffers(8, 4 * KIB);

  /** Whether the background hangs. */
  boolean hangs;

  long nowMillis;

  DiffSpace space(MemoryStore store, long limitBytes) throws ErrnoException {
    return new DiffSpace(
        new SpaceEdges(
            stores,
            ReentrantLock::new,
            RunBackground::new,
            background::add,
            batches,
            Duration.ofSeconds(1),
            () -> Instant.ofEpochMilli(nowMillis),
            PORTION),
        provided(store),
        "store of a test",
        limitBytes,
        true,
        noSpace::add,
        e -> failures.add(e.errno()));
  }

  StoreSource.Provided provided(MemoryStore store) {
    stores.next = store;
    return stores.open("memory", "", "store of a test");
  }

  void runBackground() {
    while (!background.isEmpty() && !hangs) {
      background.remove().run();
    }
  }

  /** Who waits for memory or for growth has the background run first. */
  private final class RunBackground implements Waiting {
    @Override
    public void limit(Duration limit) {}

    @Override
    public boolean until(BooleanSupplier condition) {
      return condition.getAsBoolean(); // at a gate: what runs in the background waits there too
    }

    @Override
    public boolean until(BooleanSupplier condition, Duration limit) {
      runBackground();
      return condition.getAsBoolean();
    }

    @Override
    public void changed() {}
  }
}
