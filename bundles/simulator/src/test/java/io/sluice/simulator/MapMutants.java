package io.sluice.simulator;

import io.sluice.block.DeviceMap;
import io.sluice.block.DeviceView;
import io.sluice.block.DeviceViews;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.simulator.run.World;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/** Deliberate bugs in the maps of images. */
enum MapMutants implements Mutant {
  /** What changed in the first interval after the base is left out. */
  FIRST_INTERVAL_LEFT_OUT(3000) {
    @Override
    void extents(Seam seam, DeviceMap map, long offset, long length, ExtentVisitor visitor)
        throws ErrnoException {
      int base = seam.base();
      DeviceMap numbers = seam.map("generation:");
      numbers.extents(
          offset, length, (bytes, number) -> visitor.extent(bytes, number > base + 1 ? 1 : 0));
    }
  },

  /** The map ends with a range that is clean whatever it is. */
  END_LEFT_OUT(3000) {
    @Override
    void extents(Seam seam, DeviceMap map, long offset, long length, ExtentVisitor visitor)
        throws ErrnoException {
      long size = seam.view().device().geometry().sizeBytes();
      long[] at = {offset};
      map.extents(
          offset,
          length,
          (bytes, state) -> {
            at[0] += bytes;
            return visitor.extent(bytes, at[0] == size ? 0 : state);
          });
    }
  },

  /** All images of a device share the map of its last take. */
  MAP_OF_THE_LAST_TAKE(3000) {
    @Override
    void extents(Seam seam, DeviceMap map, long offset, long length, ExtentVisitor visitor)
        throws ErrnoException {
      int base = seam.base();
      BitSet ofTheLastTake = new BitSet();
      long[] at = {offset};
      try {
        seam.newest("generation:")
            .extents(
                offset,
                length,
                (bytes, number) -> {
                  ofTheLastTake.set((int) at[0], (int) (at[0] += bytes), number > base);
                  return true;
                });
      } catch (ErrnoException thatImageIsLost) {
        map.extents(offset, length, visitor);
        return;
      }
      for (long byteAt = offset; byteAt < at[0]; byteAt++) {
        visitor.extent(1, ofTheLastTake.get((int) byteAt) ? 1 : 0);
      }
    }
  },

  /** A base that is void has a map in which nothing changed. */
  VOID_BASE_SERVED(500) {
    @Override
    DeviceView bent(Seam seam) {
      if (!seam.view().description().contains("without a map")) {
        return seam.view();
      }
      List<DeviceMap> maps = new ArrayList<>(seam.view().maps());
      maps.add(
          new BentMap(DeviceMap.CHANGED) {
            @Override
            public void extents(long offset, long length, ExtentVisitor visitor) {
              visitor.extent(length, 0);
            }
          });
      return seam.with(maps);
    }
  },

  /** What lies in the origin or in a newer store is said to take no space. */
  ORIGIN_HAS_NO_DEPTH(300) {
    @Override
    String bentName() {
      return DeviceMap.DEPTH;
    }

    @Override
    void extents(Seam seam, DeviceMap map, long offset, long length, ExtentVisitor visitor)
        throws ErrnoException {
      map.extents(offset, length, (bytes, depth) -> visitor.extent(bytes, depth == 2 ? 0 : depth));
    }
  };

  private final int seedBudget;

  MapMutants(int seedBudget) {
    this.seedBudget = seedBudget;
  }

  private abstract static class BentMap implements DeviceMap {
    private final String name;

    BentMap(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }
  }

  @Override
  public DeviceViews views(World world, DeviceViews views) {
    return name -> views.find(name).map(view -> bent(new Seam(world, views, view)));
  }

  /** Where a view is bent: many runs use the same mutant at once. */
  private record Seam(World world, DeviceViews views, DeviceView view) {
    DeviceMap map(String prefix) {
      return mapOf(view, prefix);
    }

    /** The map of the device's last take that is held. */
    DeviceMap newest(String prefix) {
      SnapshotOracle newest =
          Arrays.stream(world.slots())
              .filter(slot -> slot != null && views.find(image(slot)).isPresent())
              .max(Comparator.comparing(slot -> slot.order))
              .orElseThrow();
      return mapOf(views.find(image(newest)).orElseThrow(), prefix);
    }

    private String image(SnapshotOracle slot) {
      return view.liveDevice() + "@" + slot.label;
    }

    int base() {
      return Integer.parseInt(view.name().substring(view.name().lastIndexOf(':') + 1));
    }

    DeviceView with(List<DeviceMap> maps) {
      return new DeviceView(
          view.name(), view.liveDevice(), view.description(), view.device(), maps);
    }

    private static DeviceMap mapOf(DeviceView view, String prefix) {
      return view.maps().stream()
          .filter(map -> map.name().startsWith(prefix))
          .findFirst()
          .orElseThrow();
    }
  }

  String bentName() {
    return DeviceMap.CHANGED;
  }

  void extents(Seam seam, DeviceMap map, long offset, long length, ExtentVisitor visitor)
      throws ErrnoException {
    map.extents(offset, length, visitor);
  }

  DeviceView bent(Seam seam) {
    List<DeviceMap> maps = new ArrayList<>();
    for (DeviceMap map : seam.view().maps()) {
      maps.add(
          !map.name().equals(bentName())
              ? map
              : new BentMap(map.name()) {
                @Override
                public void extents(long offset, long length, ExtentVisitor visitor)
                    throws ErrnoException {
                  MapMutants.this.extents(seam, map, offset, length, visitor);
                }
              });
    }
    return seam.with(maps);
  }

  @Override
  public String properties() {
    return "P8";
  }

  @Override
  public int seedBudget() {
    return seedBudget;
  }
}
