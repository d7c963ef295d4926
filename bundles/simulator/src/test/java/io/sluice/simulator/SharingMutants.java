package io.sluice.simulator;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.simulator.Bent.BentControl;
import io.sluice.simulator.Bent.BentDevice;
import io.sluice.simulator.run.World;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.WeakHashMap;

/** Deliberate bugs between several snapshots of one device. */
enum SharingMutants implements Mutant {
  /** An older image leaves out what was saved for it, and begins to look at the newest take. */
  OLDER_SKIPS_ITS_OWN("P2", 200) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new Shared(world, device, image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          List<Shared> all = imagesOf(world);
          Shared newest = this;
          for (Shared other : all) {
            newest = other.device == device && !other.gone ? other : newest;
          }
          (bio.op() == BioOp.READ ? newest : this).inner.submit(bio);
        }
      };
    }
  },

  /** With a snapshot goes what older ones of the device need. */
  DESTROY_DROPS_WHAT_OLDER_NEED("P2", 500) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new Shared(world, device, image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.READ && newerGone) {
            world.disk(device).submit(bio);
          } else {
            inner.submit(bio);
          }
        }
      };
    }
  },

  /** What is written to an image is seen in the others too. */
  WRITE_SEEN_BY_OTHERS("P2", 200) {
    @Override
    public BlockDevice image(World world, int device, BlockDevice image) {
      return new Shared(world, device, image) {
        @Override
        public void submit(Bio bio) throws ErrnoException {
          if (bio.op() == BioOp.WRITE && bio.endBytes() <= geometry().sizeBytes()) {
            for (Shared other : imagesOf(world)) {
              if (other != this && other.device == device && !other.gone) {
                other.inner.submit(new Bio().write(bio.offsetBytes(), bio.data().duplicate(), 0));
              }
            }
          }
          inner.submit(bio);
        }
      };
    }
  };

  private static final Map<World, List<Shared>> IMAGES =
      Collections.synchronizedMap(new WeakHashMap<>());

  private final String properties;
  private final int seedBudget;

  SharingMutants(String properties, int seedBudget) {
    this.properties = properties;
    this.seedBudget = seedBudget;
  }

  private static List<Shared> imagesOf(World world) {
    return IMAGES.computeIfAbsent(world, w -> new ArrayList<>());
  }

  /** An image that knows the others, in the order of their takes. */
  private static class Shared extends BentDevice {
    final int device;
    boolean gone;
    boolean newerGone;

    Shared(World world, int device, BlockDevice inner) {
      super(inner);
      this.device = device;
      imagesOf(world).add(this);
    }
  }

  @Override
  public SnapshotControl control(World world, SnapshotControl control) {
    return new BentControl(control) {
      @Override
      public void destroy(UUID snapshot) throws ErrnoException {
        List<String> names =
            inner.list().stream()
                .filter(info -> info.id().equals(snapshot))
                .flatMap(info -> info.devices().stream())
                .map(SnapshotDeviceInfo::image)
                .toList();
        inner.destroy(snapshot);
        List<Shared> all = imagesOf(world);
        for (int i = 0; i < all.size(); i++) {
          if (names.contains(all.get(i).inner.toString())) {
            all.get(i).gone = true;
            for (Shared older : all.subList(0, i)) {
              older.newerGone |= older.device == all.get(i).device;
            }
          }
        }
      }
    };
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
