package io.sluice.simulator;

import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.simulator.Bent.BentControl;
import io.sluice.simulator.Bent.BentStore;
import io.sluice.simulator.run.Subject;
import io.sluice.simulator.run.World;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.StoreRequest;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/** Deliberate bugs where stores are added to snapshots and moved. */
enum MoveMutants implements Mutant {
  /** What a move writes arrives as zeroes. */
  MOVED_AS_ZEROES("P2", 300) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
          if (world.isChangingStores()) {
            inner.write(offsetBytes, ByteBuffer.allocate(data.remaining()));
            data.position(data.limit());
          } else {
            inner.write(offsetBytes, data);
          }
        }
      };
    }
  },

  /** What is written to an image while it is moved is not moved. */
  WRITES_BESIDE_NOT_MOVED("P2", 5000) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        private final Set<Long> beside = new HashSet<>();

        @Override
        public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
          if (world.anyStoresChange() && !world.isChangingStores()) {
            beside.add(offsetBytes);
          }
          inner.write(offsetBytes, data);
        }

        @Override
        public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
          int start = data.position();
          inner.read(offsetBytes, data);
          for (int i = start; world.isChangingStores() && i < data.position(); i++) {
            if (beside.contains(offsetBytes + i - start)) {
              data.put(i, (byte) 0);
            }
          }
        }
      };
    }
  },

  /** A move does not notice that the new store failed. */
  TARGET_ERROR_IGNORED("P2 P7", 8000) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
          try {
            inner.write(offsetBytes, data);
          } catch (ErrnoException e) {
            if (!world.isChangingStores()) {
              throw e;
            }
            data.position(data.limit());
          }
        }
      };
    }
  },

  /** A move that failed says that it was done. */
  FAILURE_HIDDEN("P7", 1000) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        @Override
        public void moveStores(UUID snapshot, StoreRequest store, MoveProgress progress) {
          try {
            inner.moveStores(snapshot, store, progress);
          } catch (ErrnoException e) {
            return; // so much for that
          }
        }
      };
    }
  },

  /** After a move, or one that failed, a store stays open. */
  LEFT_OPEN("P7", 300) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void close() throws ErrnoException {
          if (!world.isChangingStores()) {
            inner.close();
          }
        }
      };
    }
  },

  /** After a move the old store is closed twice. */
  CLOSED_TWICE("P7", 300) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void close() throws ErrnoException {
          inner.close();
          if (world.isChangingStores()) {
            inner.close();
          }
        }
      };
    }
  },

  /** A move does not wait for the calls that run before it puts the new store in place. */
  NOT_DRAINED("P2 P7", 3000) {
    @Override
    public Subject.Waits waits(World world, Subject.Waits waits) {
      return new Subject.Waits() {
        @Override
        public boolean until(BooleanSupplier condition) {
          return world.isChangingStores() || waits.until(condition);
        }

        @Override
        public boolean untilFree(BooleanSupplier condition) {
          return waits.untilFree(condition);
        }

        @Override
        public void changed() {
          waits.changed();
        }
      };
    }
  },

  /** A store that is added takes the place of one that nobody asked to be moved. */
  ADDED_AS_MOVE("P7", 300) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        @Override
        public void addStore(UUID snapshot, StoreRequest store) throws ErrnoException {
          inner.moveStores(snapshot, store, (done, total) -> true);
        }
      };
    }
  };

  private final String properties;
  private final int seedBudget;

  MoveMutants(String properties, int seedBudget) {
    this.properties = properties;
    this.seedBudget = seedBudget;
  }

  @Override
  public String properties() {
    return properties;
  }

  @Override
  public int seedBudget() {
    return seedBudget;
  }
}
