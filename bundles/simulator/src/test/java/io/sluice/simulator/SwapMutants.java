package io.sluice.simulator;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.filter.Filter;
import io.sluice.simulator.Bent.BentFilter;
import io.sluice.simulator.Bent.BentLock;
import io.sluice.simulator.Bent.BentStore;
import io.sluice.simulator.run.Subject;
import io.sluice.simulator.run.World;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.function.BooleanSupplier;

/** Deliberate bugs where a filter is put aside, a device lost, a provider of stores replaced. */
enum SwapMutants implements Mutant {
  /** A filter that is put aside keeps its image. */
  PUT_ASIDE_UNHEARD("P2 P5", 100) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Passing(filter) {
        @Override
        public void quarantined(String fault) {}
      };
    }
  },

  /** The image of a lost device is kept. */
  LOSS_UNHEARD("P2 P5", 100) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Passing(filter) {
        @Override
        public void deviceLost(String reason) {}
      };
    }
  },

  /** While a provider is replaced, writes pass without their old data being saved. */
  UNSAVED_DURING_SWAP("P2 P4", 500) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Passing(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (world.isSwapping()) {
            next.submit(bio);
          } else {
            inner.submit(bio, next);
          }
        }
      };
    }
  },

  /** Store I/O does not wait for the successor. */
  SWAP_NOT_WAITED_FOR("P0 P2", 500) {
    @Override
    public Subject.Waits waits(World world, Subject.Waits waits) {
      return new Waiting(waits) {
        @Override
        public boolean until(BooleanSupplier condition) {
          return condition.getAsBoolean();
        }
      };
    }
  },

  /** A write waits for its copy as long as the store takes. */
  COPY_WAITS_WITHOUT_LIMIT("P0", 200) {
    @Override
    public Subject.Waits waits(World world, Subject.Waits waits) {
      return new Waiting(waits) {
        @Override
        public boolean until(BooleanSupplier condition) {
          return inner.until(condition);
        }

        @Override
        public boolean untilFree(BooleanSupplier condition) {
          return inner.until(condition);
        }
      };
    }
  },

  /** A write waits for chunks that an image's writer keeps locked as long as the store takes. */
  LOCK_WAITS_WITHOUT_LIMIT("P0", 1000) {
    @Override
    public Lock lock(World world, Lock lock) {
      return new BentLock(lock) {
        @Override
        public boolean tryLock(long time, TimeUnit unit) {
          inner.lock();
          return true;
        }
      };
    }
  },

  /** A store is given away while I/O of it runs. */
  GIVEN_AWAY_IN_USE("P0 P7", 500) {
    @Override
    public Subject.Waits waits(World world, Subject.Waits waits) {
      return new Waiting(waits) {
        @Override
        public boolean until(BooleanSupplier condition) {
          return world.isSwapTask() || inner.until(condition);
        }
      };
    }
  },

  /** What a successor takes over has lost its second half. */
  TAIL_LOST("P2", 500) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      Set<String> seen = SEEN.computeIfAbsent(world, w -> new HashSet<>());
      if (seen.add(store.description())) {
        return store;
      }
      long halfBytes = store.capacityBytes() / 2;
      return new BentStore(store) {
        @Override
        public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
          int start = data.position();
          inner.read(offsetBytes, data);
          for (int i = start; i < data.position(); i++) {
            if (offsetBytes + i - start >= halfBytes) {
              data.put(i, (byte) 0);
            }
          }
        }
      };
    }
  };

  private static final Map<World, Set<String>> SEEN =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final String properties;
  private final int seedBudget;

  SwapMutants(String properties, int seedBudget) {
    this.properties = properties;
    this.seedBudget = seedBudget;
  }

  private abstract static class Passing extends BentFilter {
    Passing(Filter inner) {
      super(inner);
    }

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      inner.submit(bio, next);
    }
  }

  private abstract static class Waiting implements Subject.Waits {
    final Subject.Waits inner;

    Waiting(Subject.Waits inner) {
      this.inner = inner;
    }

    @Override
    public boolean untilFree(BooleanSupplier condition) {

      return inner.untilFree(condition);
    }

    @Override
    public void changed() {
      inner.changed();
    }
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
