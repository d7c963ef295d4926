package io.sluice.simulator;

import io.sluice.blksnap.tracking.TrackerState;
import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.Filter;
import io.sluice.simulator.Bent.BentControl;
import io.sluice.simulator.Bent.BentDevice;
import io.sluice.simulator.Bent.BentFilter;
import io.sluice.simulator.run.Subject;
import io.sluice.simulator.run.World;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.TakeRequest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Deliberate bugs of who thinks that a device keeps its size. */
enum GrowthMutants implements Mutant {
  /** A take after growth goes on in the old generation. */
  GENERATION_GOES_ON("P5", 200) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        private final Map<String, SnapshotDeviceInfo> last = new HashMap<>();
        private final Map<String, Integer> sizes = new HashMap<>();

        @Override
        public SnapshotInfo take(TakeRequest request) throws ErrnoException {
          SnapshotInfo info = inner.take(request);
          return new SnapshotInfo(
              info.id(),
              info.name(),
              info.state(),
              info.takenAt(),
              info.holdNanos(),
              info.freezes(),
              info.devices().stream().map(this::goOn).toList(),
              info.store(),
              info.stores(),
              info.fillBytesPerSecond());
        }

        private SnapshotDeviceInfo goOn(SnapshotDeviceInfo now) {
          int size = sizeOf(world, now.device());
          SnapshotDeviceInfo before = last.put(now.device(), now);
          Integer sizeBefore = sizes.put(now.device(), size);
          return before == null || sizeBefore == size
              ? now
              : new SnapshotDeviceInfo(
                  now.device(),
                  now.image(),
                  now.errorCode(),
                  now.chunkSizeBytes(),
                  now.chunksSaved(),
                  now.chunksZero(),
                  now.bytesCopied(),
                  before.generationId(),
                  before.changesNumber() + 1);
        }
      };
    }
  },

  /** What was kept of tracking is taken up again, though the device has grown meanwhile. */
  KEPT_STATE_STRETCHED("P4 P5", 2000) {
    @Override
    public Subject.States states(World world, Subject.States states) {
      return new StateMutants.Changing(states) {
        private int sizeBytes;

        @Override
        public Optional<byte[]> claim(String device, String stamp) {
          sizeBytes = sizeOf(world, device);
          return super.claim(device, stamp);
        }

        @Override
        TrackerState change(TrackerState was) {
          int blockCount = ((sizeBytes - 1) >>> was.blockShift()) + 1;
          return new TrackerState(
              sizeBytes,
              was.blockShift(),
              was.activeNumber(),
              was.heldNumber(),
              was.activeGeneration(),
              was.heldGeneration(),
              Arrays.copyOf(was.active(), blockCount),
              Arrays.copyOf(was.held(), blockCount));
        }
      };
    }
  },

  /** The size of a device is asked for once, when the filter comes. */
  SIZE_ASKED_ONCE("P2", 100) {
    @Override
    public BlockDevice lower(World world, BlockDevice lower) {
      DeviceGeometry first = lower.geometry();
      return new BentDevice(lower) {
        @Override
        public DeviceGeometry geometry() {
          return first;
        }
      };
    }
  },

  /** A take does not look at the size again when the device is held. */
  GROWTH_BESIDE_THE_CUT_MISSED("P2", 5000) {
    @Override
    public BlockDevice lower(World world, BlockDevice lower) {
      int device = deviceOf(world, lower.geometry());
      return new BentDevice(lower) {
        private DeviceGeometry seen = lower.geometry();

        @Override
        public DeviceGeometry geometry() {
          if (!world.isFrozen(device)) {
            seen = inner.geometry();
          }
          return seen;
        }
      };
    }
  },

  /** An image is as long as the device is now. */
  IMAGE_FOLLOWS_THE_DEVICE("P2", 100) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public DeviceGeometry geometry() {
          return world.disk(device).geometry();
        }
      };
    }
  },

  /** An image reads beyond its end what the device has there. */
  IMAGE_READS_PAST_ITS_END("P2", 1000) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          boolean past = bio.op() == BioOp.READ && bio.endBytes() > geometry().sizeBytes();
          (past ? world.disk(device) : inner).submit(bio);
        }
      };
    }
  },

  /** An image's block status goes on to the end that the device has now. */
  IMAGE_STATUS_PAST_ITS_END("P2", 2000) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
            throws ErrnoException {
          long sizeBytes = geometry().sizeBytes();
          long endBytes =
              Math.min(offsetBytes + lengthBytes, world.disk(device).geometry().sizeBytes());
          long[] at = {offsetBytes};
          inner.status(
              offsetBytes,
              lengthBytes,
              (bytes, state) -> {
                at[0] += bytes;
                return visitor.extent(bytes, state);
              });
          if (at[0] == sizeBytes && endBytes > sizeBytes) {
            visitor.extent(endBytes - sizeBytes, ExtentVisitor.DATA);
          }
        }
      };
    }
  },

  /** After a write past the end that the filter knows, no write is saved or marked any more. */
  COPY_STOPS_AFTER_A_WRITE_PAST_THE_END("P2 P4 P8", 200) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Sized(filter) {
        private boolean stopped;

        @Override
        boolean isSeen(Bio bio, long firstSizeBytes) {
          stopped |= bio.endBytes() > firstSizeBytes;
          return !stopped;
        }
      };
    }
  },

  /** A write over the old end is taken for one beyond it. */
  WRITE_ACROSS_THE_OLD_END_NOT_SAVED("P2 P4 P8", 500) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Sized(filter) {
        @Override
        boolean isSeen(Bio bio, long firstSizeBytes) {
          return bio.offsetBytes() >= firstSizeBytes || bio.endBytes() <= firstSizeBytes;
        }
      };
    }
  },

  /** What lies beyond the first end is neither saved nor marked, whatever was taken since. */
  GROWN_PART_UNSEEN("P2 P4 P8", 500) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new Sized(filter) {
        @Override
        boolean isSeen(Bio bio, long firstSizeBytes) {
          return bio.offsetBytes() < firstSizeBytes;
        }
      };
    }
  },

  /** What is saved of a chunk that was the short last one ends in a zero. */
  OLD_LAST_CHUNK_CUT("P2", 2000) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        private long firstSizeBytes;

        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (firstSizeBytes == 0) {
            firstSizeBytes = next.geometry().sizeBytes();
          }
          inner.submit(bio, bio.op().modifiesData() ? cut(next) : next);
        }

        private BlockDevice cut(BlockDevice next) {
          return new BentDevice(next) {
            @Override
            public void submit(Bio bio) throws ErrnoException {
              inner.submit(bio);
              boolean wasShort = firstSizeBytes % (1 << world.plan().chunkShift()) != 0;
              if (bio.op() == BioOp.READ
                  && bio.endBytes() == firstSizeBytes
                  && geometry().sizeBytes() > firstSizeBytes
                  && wasShort) {
                bio.data().put(bio.data().limit() - 1, (byte) 0);
              }
            }
          };
        }
      };
    }
  };

  private final String properties;
  private final int seedBudget;

  GrowthMutants(String properties, int seedBudget) {
    this.properties = properties;
    this.seedBudget = seedBudget;
  }

  private static int sizeOf(World world, String device) {
    return world.disk(Integer.parseInt(device.substring("disk-".length()))).bytes().length;
  }

  /** Each disk has a record of its own. */
  @SuppressWarnings("ReferenceEquality")
  private static int deviceOf(World world, DeviceGeometry geometry) {
    int device = 0;
    while (world.disk(device).geometry() != geometry) {
      device++;
    }
    return device;
  }

  /** A filter that knows the size that the device had at its first bio, and passes some unseen. */
  private abstract static class Sized extends BentFilter {
    private long firstSizeBytes;

    Sized(Filter inner) {
      super(inner);
    }

    abstract boolean isSeen(Bio bio, long firstSizeBytes);

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      if (firstSizeBytes == 0) {
        firstSizeBytes = next.geometry().sizeBytes();
      }
      if (bio.op().modifiesData() && !isSeen(bio, firstSizeBytes)) {
        next.submit(bio);
      } else {
        inner.submit(bio, next);
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
