package io.sluice.simulator.run;

import io.sluice.simulator.oracle.SnapshotOracle;
import java.util.BitSet;
import java.util.List;

/** What the snapshots in a run's places say together of one device. */
final class Slots {
  /** How many snapshots of a device the engine can have. */
  private static final int SNAPSHOTS_MAX = 32;

  private Slots() {}

  /** Whether nothing has touched these cells, on the device or its images, since the takes. */
  static boolean isUntouched(SnapshotOracle[] slots, int device, int first, int end) {
    boolean any = false;
    for (SnapshotOracle slot : slots) {
      SnapshotOracle.Part part = slot == null ? null : slot.part(device);
      if (part != null && part.image != null) {
        any = true;
        if (hasBit(part.touchedCells, first, end) || hasBit(part.writtenCells, first, end)) {
          return false;
        }
      }
    }
    return any;
  }

  private static boolean hasBit(BitSet cells, int first, int end) {
    int set = cells.nextSetBit(first);
    return set >= 0 && set < end;
  }

  /**
   * Whether a device may have as many snapshots, held or needed by held ones, as it can.
   *
   * @param takes the orders of all takes of the device
   */
  static boolean isCrowded(SnapshotOracle[] slots, int device, List<Integer> takes) {
    int oldest = Integer.MAX_VALUE;
    for (SnapshotOracle slot : slots) {
      if (slot != null && slot.part(device) != null && slot.order > 0) {
        oldest = Math.min(oldest, slot.order);
      }
    }
    int from = oldest;
    return takes.stream().filter(order -> order >= from).count() >= SNAPSHOTS_MAX;
  }
}
