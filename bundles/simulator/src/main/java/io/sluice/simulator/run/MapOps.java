package io.sluice.simulator.run;

import io.sluice.block.DeviceMap;
import io.sluice.block.DeviceView;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.simulator.oracle.CellModel;
import io.sluice.simulator.oracle.SnapshotOracle;
import io.sluice.snapshot.SnapshotDeviceInfo;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What users of images with maps see, and property P8: a map is of the moment of its image. */
final class MapOps {
  private final World world;
  private final IdentityHashMap<SnapshotOracle.Part, Map<Integer, Seen>> seen =
      new IdentityHashMap<>();

  /** What a map said, and how much had been marked by hand or through images until then. */
  private record Seen(BitSet changed, long marksBegun, boolean settled) {}

  MapOps(World world) {
    this.world = world;
  }

  /**
   * Asks for the changes of an image since some earlier moment of its device.
   *
   * @throws ErrnoException what the map throws: the image is judged by it
   */
  void checkChanges(SnapshotOracle slot, SnapshotOracle.Part part, SimOp spec)
      throws ErrnoException {
    World.Device device = world.device(spec.device());
    if (slot.state != SnapshotOracle.State.TAKEN || device.backups.isEmpty()) {
      return;
    }
    List<World.Backup> bases = List.copyOf(device.backups);
    World.Backup base = bases.get(spec.variant() % bases.size());
    SnapshotDeviceInfo info = infoOf(slot, device);
    String name = imageOf(slot, device) + ".." + base.generation() + ":" + base.number();
    Optional<DeviceMap> changed = mapOf(viewOf(name), DeviceMap.CHANGED);
    boolean valid =
        base.generation().equals(info.generationId()) && base.number() <= info.changesNumber();
    if (changed.isPresent() != valid) {
      throw world.fail(
          "P8 map: "
              + name
              + (valid ? " has no map of changes" : " has one, and the base is void"));
    }
    if (valid) {
      judgeChanges(name, part, base, device, changed.get());
    }
  }

  /**
   * Asks how deep a range of an image lies.
   *
   * @param reading of the image's bytes, under way
   * @throws ErrnoException what the map throws: the image is judged by it
   */
  void checkDepth(
      SnapshotOracle slot, SnapshotOracle.Part part, SimOp spec, CellModel.Reading reading)
      throws ErrnoException {
    if (slot.state == SnapshotOracle.State.TAKEN) {
      DeviceView view = viewOf(imageOf(slot, world.device(spec.device())));
      judgeDepths(mapOf(view, DeviceMap.DEPTH).orElseThrow(), part, spec, reading);
    }
  }

  private static String imageOf(SnapshotOracle slot, World.Device device) {
    return device.disk.name() + "@" + slot.label;
  }

  private DeviceView viewOf(String name) {
    return world.views().find(name).orElseThrow(() -> world.fail("P8 map: there is no " + name));
  }

  private SnapshotDeviceInfo infoOf(SnapshotOracle slot, World.Device device)
      throws ErrnoException {
    return world.control().info(slot.id).devices().stream()
        .filter(info -> info.device().equals(device.disk.name()))
        .findFirst()
        .orElseThrow();
  }

  private static Optional<DeviceMap> mapOf(DeviceView view, String name) {
    return view.maps().stream().filter(map -> map.name().equals(name)).findFirst();
  }

  private void judgeChanges(
      String name, SnapshotOracle.Part part, World.Backup base, World.Device device, DeviceMap map)
      throws ErrnoException {
    long marksBegun = device.tracking.marksOfAllMapsBegun();
    boolean settled = device.tracking.marksOfAllMapsOpen() == 0;
    BitSet changed = changed(name, map, part.atTake.length);
    byte[] restored = Arrays.copyOf(base.bytes(), part.atTake.length);
    for (int at = changed.nextSetBit(0); at >= 0; at = changed.nextSetBit(at + 1)) {
      restored[at] = part.atTake[at];
    }
    int wrong = Arrays.mismatch(restored, part.atTake);
    if (wrong >= 0) {
      throw world.fail("P8 map: the increment by " + name + " lacks what is at byte " + wrong);
    }
    Map<Integer, Seen> before = seen.computeIfAbsent(part, key -> new HashMap<>());
    Seen last = before.put(base.number(), new Seen(changed, marksBegun, settled));
    if (last != null) {
      BitSet gone = (BitSet) last.changed.clone();
      gone.andNot(changed);
      boolean still = settled && last.settled && last.marksBegun == marksBegun;
      if (!gone.isEmpty() || (still && !last.changed.equals(changed))) {
        throw world.fail("P8 map: " + name + " does not stand still");
      }
      world.reach(Reach.MAP_ASKED_AGAIN);
    }
  }

  private BitSet changed(String name, DeviceMap map, int sizeBytes) throws ErrnoException {
    BitSet changed = new BitSet(sizeBytes);
    long[] at = {0};
    map.extents(
        0,
        sizeBytes,
        (lengthBytes, state) -> {
          if (lengthBytes < 1 || at[0] + lengthBytes > sizeBytes || (state & ~1) != 0) {
            throw world.fail(
                "P8 map: " + name + ": " + lengthBytes + " of state " + state + " at " + at[0]);
          }
          changed.set((int) at[0], (int) (at[0] + lengthBytes), state == 1);
          at[0] += lengthBytes;
          return true;
        });
    if (at[0] != sizeBytes) {
      throw world.fail("P8 map: " + name + " ends at " + at[0] + " of " + sizeBytes);
    }
    return changed;
  }

  /** Where nothing takes space, nothing but zeroes can be read. */
  private void judgeDepths(
      DeviceMap map, SnapshotOracle.Part part, SimOp spec, CellModel.Reading reading)
      throws ErrnoException {
    long offset = (long) spec.first() * part.model.cellBytes();
    long length = Math.max(1, (long) spec.count() * part.model.cellBytes());
    Extents extents = new Extents();
    map.extents(
        offset,
        length,
        (lengthBytes, depth) ->
            extents.extent(
                lengthBytes,
                depth == 0 ? ExtentVisitor.HOLE | ExtentVisitor.ZERO : ExtentVisitor.DATA));
    String wrong = extents.judge(part.model, reading, offset, length);
    if (wrong != null) {
      throw world.fail("P8 map: depth of " + spec + ": " + wrong);
    }
  }
}
