package io.sluice.simulator;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.filter.Filter;
import io.sluice.simulator.Bent.BentDevice;
import io.sluice.simulator.Bent.BentFilter;
import io.sluice.simulator.Bent.BentStore;
import io.sluice.simulator.Bent.ReadsOnly;
import io.sluice.simulator.run.World;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;

/** Deliberate bugs on the way of a live write: marking, saving, passing on. */
enum WriteMutants implements Mutant {
  /** The write passes before the old data are saved. */
  COPY_AFTER_WRITE("P2", 50) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          int start = bio.data() == null ? 0 : bio.data().position();
          if (bio.op().modifiesData()) {
            next.submit(bio);
          }
          if (bio.op() == BioOp.WRITE) {
            bio.data().position(start);
          }
          inner.submit(bio, bio.op().modifiesData() ? new ReadsOnly(next) : next);
          if (bio.op() == BioOp.WRITE) {
            bio.data().position(bio.data().limit());
          }
        }
      };
    }
  },

  /** What is saved of a last chunk that is short ends in zeroes. */
  SHORT_LAST_CHUNK_CUT("P2", 100) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          inner.submit(bio, bio.op().modifiesData() ? cut(world, next) : next);
        }
      };
    }

    private BlockDevice cut(World world, BlockDevice next) {
      return new BentDevice(next) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          inner.submit(bio);
          long size = geometry().sizeBytes();
          boolean isShort = size % (1 << world.plan().chunkShift()) != 0;
          if (bio.op() == BioOp.READ && bio.endBytes() == size && isShort) {
            bio.data().put(bio.data().limit() - 1, (byte) 0);
          }
        }
      };
    }
  },

  /** Of a write over several chunks only the first is saved and marked. */
  FIRST_CHUNK_ONLY("P2 P4 P8", 50) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          int cell = next.geometry().blockSizeBytes();
          if (bio.op() == BioOp.WRITE && bio.lengthBytes() > cell) {
            ByteBuffer first = bio.data().duplicate();
            first.limit(first.position() + cell);
            inner.submit(new Bio().write(bio.offsetBytes(), first, 0), new ReadsOnly(next));
            next.submit(bio);
          } else {
            inner.submit(bio, next);
          }
        }
      };
    }
  },

  /** A store's failure goes unnoticed. */
  STORE_ERROR_IGNORED("P2 P7", 500) {
    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
          try {
            inner.write(offsetBytes, data);
          } catch (ErrnoException e) {
            data.position(data.limit());
          }
        }
      };
    }
  },

  /** A failure of the origin while old data are read goes unnoticed. */
  COPY_READ_ERROR_IGNORED("P2", 500) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          inner.submit(bio, bio.op().modifiesData() ? deaf(next) : next);
        }
      };
    }

    private BlockDevice deaf(BlockDevice next) {
      return new BentDevice(next) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          try {
            inner.submit(bio);
          } catch (ErrnoException e) {
            if (bio.op() != BioOp.READ) {
              throw e;
            }
            bio.data().position(bio.data().limit());
          }
        }
      };
    }
  },

  /** A write fails because the store did. */
  STORE_ERROR_FAILS_WRITE("P1", 500) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          inner.submit(bio, next);
          if (bio.op() == BioOp.WRITE && FAILED_STORE.remove(world) != null) {
            throw new ErrnoException(Errno.EIO, "the store failed");
          }
        }
      };
    }

    @Override
    public DiffStore store(World world, DiffStore store) {
      return new BentStore(store) {
        @Override
        public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
          try {
            inner.write(offsetBytes, data);
          } catch (ErrnoException e) {
            FAILED_STORE.put(world, true);
            throw e;
          }
        }
      };
    }
  },

  /** Discards are not marked. */
  DISCARD_UNTRACKED("P4", 300) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (bio.op() == BioOp.DISCARD && !world.anySnapshotHeld()) {
            next.submit(bio);
          } else {
            inner.submit(bio, next);
          }
        }
      };
    }
  },

  /** Discards under a snapshot are not copied. */
  DISCARD_UNCOPIED("P2 P4", 100) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (bio.op() == BioOp.DISCARD) {
            next.submit(bio);
          } else {
            inner.submit(bio, next);
          }
        }
      };
    }
  },

  /** A write that the disk failed, having stored a part, is not marked. */
  FAILED_WRITE_UNTRACKED("P4", 3000) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (bio.op() != BioOp.WRITE || world.anySnapshotHeld()) {
            inner.submit(bio, next);
            return;
          }
          int start = bio.data().position();
          next.submit(bio);
          bio.data().position(start);
          inner.submit(bio, new ReadsOnly(next));
          bio.data().position(bio.data().limit());
        }
      };
    }
  },

  /** The disk's failure is hidden from the client. */
  ORIGIN_ERROR_HIDDEN("P1", 300) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          try {
            inner.submit(bio, next);
          } catch (ErrnoException e) {
            if (bio.op() == BioOp.READ) {
              throw e;
            }
          }
        }
      };
    }
  },

  /** A write loses its flags on the way. */
  FUA_LOST("P1", 20) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          boolean write = bio.op() == BioOp.WRITE;
          inner.submit(write ? new Bio().write(bio.offsetBytes(), bio.data(), 0) : bio, next);
        }
      };
    }
  },

  /** A flush stops at the filter. */
  FLUSH_SWALLOWED("P1", 50) {
    @Override
    public Filter filter(World world, Filter filter) {
      return new BentFilter(filter) {
        @Override
        public void submit(Bio bio, BlockDevice next) throws ErrnoException {
          if (bio.op() != BioOp.FLUSH) {
            inner.submit(bio, next);
          }
        }
      };
    }
  };

  private static final Map<World, Boolean> FAILED_STORE =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final String properties;
  private final int seedBudget;

  WriteMutants(String properties, int seedBudget) {
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
