package io.sluice.simulator;

import io.sluice.blksnap.tracking.TrackerState;
import io.sluice.simulator.run.Subject;
import io.sluice.simulator.run.World;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Deliberate bugs in what is kept of tracking while no filter is there. */
enum StateMutants implements Mutant {
  /** What is known is saved under the stamp that the device had when tracking began. */
  STALE_STAMP("P4 P5", 300) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Bent(states) {
        private final Map<String, String> stamps = new HashMap<>();

        @Override
        public Optional<byte[]> claim(String device, String stamp) {
          stamps.put(device, stamp);
          return inner.claim(device, stamp);
        }

        @Override
        public void save(String device, String stamp, byte[] state) {
          inner.save(device, stamps.get(device), state);
        }
      };
    }
  },

  /** What was saved is taken up, whoever has written meanwhile. */
  STAMP_IGNORED("P4 P5", 300) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Bent(states) {
        @Override
        public Optional<byte[]> claim(String device, String stamp) {
          return inner.claim(device, "any");
        }

        @Override
        public void save(String device, String stamp, byte[] state) {
          inner.save(device, "any", state);
        }
      };
    }
  },

  /** A claim leaves behind what it gives, for a filter that comes after a crash. */
  CLAIM_KEEPS("P4 P5", 5000) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Bent(states) {
        @Override
        public Optional<byte[]> claim(String device, String stamp) {
          Optional<byte[]> state = inner.claim(device, stamp);
          state.ifPresent(bytes -> inner.save(device, stamp, bytes));
          return state;
        }
      };
    }
  },

  /** Nothing is kept. */
  SAVE_FORGOTTEN("P5", 50) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Bent(states) {
        @Override
        public void save(String device, String stamp, byte[] state) {}
      };
    }
  },

  /** The map of the last take is lost, its position is not. */
  HELD_MAP_LOST("P4", 3000) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Changing(states) {
        @Override
        TrackerState change(TrackerState was) {
          return with(was, was.active(), new byte[was.held().length], 0, was.heldGeneration());
        }
      };
    }
  },

  /** What was written since the last take is forgotten. */
  ACTIVE_MAP_LOST("P4 P8", 500) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Changing(states) {
        @Override
        TrackerState change(TrackerState was) {
          return with(was, was.held().clone(), was.held(), 0, was.heldGeneration());
        }
      };
    }
  },

  /** The last tracking block is not restored. */
  LAST_BLOCK_LOST("P4", 500) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Changing(states) {
        @Override
        TrackerState change(TrackerState was) {
          was.active()[was.active().length - 1] = 0;
          was.held()[was.held().length - 1] = 0;
          return was;
        }
      };
    }
  },

  /** Tracking goes on with the next number. */
  NUMBER_OFF_BY_ONE("P4 P5", 300) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Changing(states) {
        @Override
        TrackerState change(TrackerState was) {
          return with(was, was.active(), was.held(), 1, was.heldGeneration());
        }
      };
    }
  },

  /** Tracking goes on under a new generation. */
  GENERATION_CHANGED("P4 P5", 300) {
    @Override
    Subject.States bent(Subject.States states) {
      return new Changing(states) {
        @Override
        TrackerState change(TrackerState was) {
          UUID other = new UUID(was.heldGeneration().getMostSignificantBits(), 4711);
          return with(was, was.active(), was.held(), 0, other);
        }
      };
    }
  };

  private final String properties;
  private final int seedBudget;

  StateMutants(String properties, int seedBudget) {
    this.properties = properties;
    this.seedBudget = seedBudget;
  }

  abstract Subject.States bent(Subject.States states);

  @Override
  public Subject.States states(World world, Subject.States states) {
    return bent(states);
  }

  private static TrackerState with(
      TrackerState was, byte[] active, byte[] held, int numbersMore, UUID generation) {
    return new TrackerState(
        was.capacityBytes(),
        was.blockShift(),
        Math.min(255, was.activeNumber() + numbersMore),
        Math.min(255, was.heldNumber() + numbersMore),
        was.activeGeneration().equals(was.heldGeneration()) ? generation : was.activeGeneration(),
        generation,
        active,
        held);
  }

  private abstract static class Bent implements Subject.States {
    final Subject.States inner;

    Bent(Subject.States inner) {
      this.inner = inner;
    }

    @Override
    public Optional<byte[]> claim(String device, String stamp) {
      return inner.claim(device, stamp);
    }

    @Override
    public void save(String device, String stamp, byte[] state) {
      inner.save(device, stamp, state);
    }
  }

  /** What is claimed is another than what was saved. */
  abstract static class Changing extends Bent {
    /** In the format of {@link TrackerState#write}: where the number of blocks is. */
    private static final int COUNT_AT = 8 + 4 + 8 + 4 + 4 + 4 + 32;

    Changing(Subject.States inner) {
      super(inner);
    }

    abstract TrackerState change(TrackerState was);

    @Override
    public Optional<byte[]> claim(String device, String stamp) {
      return inner.claim(device, stamp).map(this::changed);
    }

    private byte[] changed(byte[] state) {
      try {
        int blockCount =
            new DataInputStream(new ByteArrayInputStream(state, COUNT_AT, state.length - COUNT_AT))
                .readInt();
        TrackerState was = TrackerState.read(new ByteArrayInputStream(state), blockCount);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        change(was).write(out);
        return out.toByteArray();
      } catch (IOException e) {
        throw new UncheckedIOException(Arrays.toString(state), e);
      }
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
