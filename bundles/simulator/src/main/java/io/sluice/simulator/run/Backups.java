package io.sluice.simulator.run;

import io.sluice.block.DeviceGeometry;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotDeviceInfo;
import java.util.Arrays;
import java.util.List;

/**
 * A user who makes a full copy at each take, and increments between any two. It is what tracking is
 * for, judged by the bytes alone: whatever came and went in between.
 */
final class Backups {
  private static final int KEPT_MAX = 40;

  private Backups() {}

  /** A take. */
  static void keep(World.Device device, SnapshotDeviceInfo info, byte[] bytes) {
    if (device.backups.size() == KEPT_MAX) {
      device.backups.removeFirst();
    }
    device.backups.addLast(new World.Backup(info.generationId(), info.changesNumber(), bytes));
  }

  /**
   * Whether an increment from one copy to the last has all that differs.
   *
   * @param base the number of the first one
   * @return what is wrong, or null
   */
  static String judge(World.Device device, CbtInfo info, int base, List<SectorRange> ranges) {
    World.Backup from = find(device, info, base);
    World.Backup to = find(device, info, info.changesNumber());
    if (from == null || to == null) {
      return null;
    }
    byte[] restored = Arrays.copyOf(from.bytes(), to.bytes().length);
    for (SectorRange range : ranges) {
      int start = (int) range.firstSector() * DeviceGeometry.SECTOR_SIZE_BYTES;
      int end = start + (int) range.sectorCount() * DeviceGeometry.SECTOR_SIZE_BYTES;
      int length = Math.min(end, restored.length) - start;
      System.arraycopy(to.bytes(), start, restored, start, length);
    }
    int at = Arrays.mismatch(restored, to.bytes());
    return at < 0
        ? null
        : device.disk.name() + ": the increment since " + base + " lacks what is at byte " + at;
  }

  private static World.Backup find(World.Device device, CbtInfo info, int number) {
    World.Backup found = null;
    for (World.Backup backup : device.backups) {
      if (backup.number() == number && backup.generation().equals(info.generationId())) {
        found = backup;
      }
    }
    return found;
  }
}
