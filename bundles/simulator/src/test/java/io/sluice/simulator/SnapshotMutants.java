package io.sluice.simulator;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.diffstore.DiffStore;
import io.sluice.simulator.Bent.BentControl;
import io.sluice.simulator.Bent.BentDevice;
import io.sluice.simulator.Bent.BentLock;
import io.sluice.simulator.Bent.BentStore;
import io.sluice.simulator.Bent.BentTracking;
import io.sluice.simulator.device.SimRegistry.FreezeStyle;
import io.sluice.simulator.run.World;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.WeakHashMap;
import java.util.concurrent.locks.Lock;

/** Deliberate bugs in tracking, takes, locks, images and verbs. */
enum SnapshotMutants implements Mutant {
  /** The map that is read is not switched at the second take. */
  HELD_MAP_NOT_SWITCHED("P4", 500) {
    @Override
    public ChangeTracking tracking(World world, ChangeTracking tracking) {
      return new BentTracking(tracking) {
        private final Map<String, byte[]> first = new HashMap<>();

        @Override
        public void readMap(String device, long firstBlock, ByteBuffer target)
            throws ErrnoException {
          CbtInfo info = inner.info(device);
          String key = device + info.generationId() + firstBlock + "+" + target.remaining();
          int start = target.position();
          inner.readMap(device, firstBlock, target);
          byte[] stale = first.get(key);
          if (stale != null && info.changesNumber() > 1) {
            target.position(start).put(stale);
          } else {
            byte[] seen = new byte[target.limit() - start];
            target.get(start, seen);
            first.put(key, seen);
          }
        }
      };
    }
  },

  /** A generation outlives its numbers, or the filter. */
  GENERATION_KEPT("P4 P5", 500) {
    @Override
    public ChangeTracking tracking(World world, ChangeTracking tracking) {
      return new BentTracking(tracking) {
        private final Map<String, UUID> first = new HashMap<>();

        @Override
        public CbtInfo info(String device) throws ErrnoException {
          CbtInfo info = inner.info(device);
          UUID kept = first.computeIfAbsent(device, name -> info.generationId());
          return new CbtInfo(
              device,
              info.capacityBytes(),
              info.blockSizeBytes(),
              info.blockCount(),
              kept,
              info.changesNumber());
        }

        @Override
        public List<SectorRange> changedSince(String device, UUID generation, int number)
            throws ErrnoException {
          return inner.changedSince(device, inner.info(device).generationId(), number);
        }
      };
    }
  },

  /** Of the ranges a user marks dirty only the first is. */
  FIRST_DIRTY_RANGE_ONLY("P4", 300) {
    @Override
    public ChangeTracking tracking(World world, ChangeTracking tracking) {
      return new BentTracking(tracking) {
        @Override
        public void markDirty(String device, List<SectorRange> ranges) throws ErrnoException {
          inner.markDirty(device, ranges.subList(0, 1));
        }
      };
    }
  },

  /** The devices thaw before the engine has switched. */
  THAWED_TOO_EARLY("P2 P4 P6", 200) {
    @Override
    public FreezeStyle freezeStyle() {
      return FreezeStyle.THAWED_TOO_EARLY;
    }
  },

  /** The gate does not wait for what is in flight. */
  NO_DRAIN("P1 P2 P4 P6", 200) {
    @Override
    public FreezeStyle freezeStyle() {
      return FreezeStyle.NO_DRAIN;
    }
  },

  /** The devices of a take are held one after the other. */
  HELD_ONE_BY_ONE("P2 P4 P6 P7", 500) {
    @Override
    public FreezeStyle freezeStyle() {
      return FreezeStyle.ONE_BY_ONE;
    }
  },

  /** The image of one device is of an earlier moment; the check of its bytes is off. */
  IMAGES_OF_TWO_MOMENTS("P6", 200) {
    @Override
    public boolean judgesImageBytes() {
      return false;
    }

    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      if (device != 0) {
        return image;
      }
      byte[] earlier = EARLIER.computeIfAbsent(world, w -> w.disk(0).bytes().clone());
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          long most = Math.min(geometry().sizeBytes(), earlier.length);
          if (bio.op() == BioOp.READ && bio.endBytes() <= most) {
            bio.data().put(earlier, (int) bio.offsetBytes(), bio.data().remaining());
          } else {
            inner.submit(bio);
          }
        }
      };
    }
  },

  /** A lock excludes nobody. */
  LOCK_EXCLUDES_NOBODY("P0 P2 P7", 500) {
    @Override
    public Lock lock(World world, Lock lock) {
      return new BentLock(lock) {
        @Override
        public void lock() {
          world.scheduler().yieldPoint();
        }

        @Override
        public void unlock() {
          if (!world.scheduler().aborting()) {
            world.scheduler().yieldPoint();
          }
        }
      };
    }
  },

  /** A lock is left held now and then. */
  LOCK_LEFT_HELD("P0 P7", 100) {
    @Override
    public Lock lock(World world, Lock lock) {
      return new BentLock(lock) {
        private int count;

        @Override
        public void unlock() {
          if (++count % 10 != 0) {
            inner.unlock();
          }
        }
      };
    }
  },

  /** An image reads the device as it is now. */
  IMAGE_READS_LIVE("P2", 20) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.READ) {
            world.disk(device).submit(bio);
          } else {
            inner.submit(bio);
          }
        }
      };
    }
  },

  /** An image reads an untouched range from the origin and does not look again. */
  IMAGE_READ_NOT_REPEATED("P2", 1000) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.READ
              && bio.endBytes() <= geometry().sizeBytes()
              && world.isUntouched(device, bio.offsetBytes(), bio.lengthBytes())) {
            world.disk(device).submit(bio);
          } else {
            inner.submit(bio);
          }
        }
      };
    }
  },

  /** An image's write goes to the origin as well. */
  IMAGE_WRITE_LEAKS("P1", 200) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.WRITE && bio.endBytes() <= geometry().sizeBytes()) {
            bio.data()
                .duplicate()
                .get(world.disk(device).bytes(), (int) bio.offsetBytes(), bio.data().remaining());
          }
          inner.submit(bio);
        }
      };
    }
  },

  /** An image's write is forgotten. */
  IMAGE_WRITE_LOST("P2 P4", 200) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.WRITE && bio.endBytes() <= geometry().sizeBytes()) {
            bio.data().position(bio.data().limit());
          } else {
            inner.submit(bio);
          }
        }
      };
    }
  },

  /** An image fails now and then for no reason. */
  IMAGE_FAILS_FOR_NOTHING("P2", 100) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        private int reads;

        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.READ && ++reads % 5 == 0) {
            throw new ErrnoException(Errno.EIO, "the fifth read");
          }
          inner.submit(bio);
        }
      };
    }
  },

  /** An image's block status is that of the live device. */
  STATUS_OF_LIVE("P2", 2000) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new BentDevice(image) {
        @Override
        public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
            throws ErrnoException {
          world.disk(device).status(offsetBytes, lengthBytes, visitor);
        }
      };
    }
  },

  /** The store is never let go. */
  STORE_LEFT_OPEN("P7", 20) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void close() {}
      };
    }
  },

  /** The limit of a store is not kept. */
  LIMIT_EXCEEDED("P7", 300) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        @Override
        public UUID create(SnapshotRequest request) throws ErrnoException {
          return inner.create(
              new SnapshotRequest(
                  request.devices(),
                  request.storeKind(),
                  request.storeArgument(),
                  2 * request.limitBytes(),
                  request.chunkSizeBytes(),
                  request.name()));
        }
      };
    }
  },

  /** The store overflows before its limit. */
  LIMIT_HALVED("P2", 300) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        @Override
        public UUID create(SnapshotRequest request) throws ErrnoException {
          return inner.create(
              new SnapshotRequest(
                  request.devices(),
                  request.storeKind(),
                  request.storeArgument(),
                  (request.limitBytes() + 1) / 2,
                  request.chunkSizeBytes(),
                  request.name()));
        }
      };
    }
  },

  /** Nobody is told of a lost image. */
  EVENTS_LOST("P7", 300) {
    @Override
    public SnapshotControl control(World world, SnapshotControl control) {
      return new BentControl(control) {
        @Override
        public Optional<SnapshotEvent> waitEvent(UUID snapshot, Duration timeout)
            throws ErrnoException {
          inner.waitEvent(snapshot, timeout);
          return Optional.empty();
        }
      };
    }
  };

  private static final Map<World, byte[]> EARLIER =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final String properties;
  private final int seedBudget;

  SnapshotMutants(String properties, int seedBudget) {
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
