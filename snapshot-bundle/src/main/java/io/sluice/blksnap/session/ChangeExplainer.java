package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CowArea;
import io.sluice.blksnap.tracking.ChangeShape;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.SectorRange;
import java.util.List;
import java.util.UUID;

/** Explains the changes of one device; for one call. */
final class ChangeExplainer {
  private final TrackedDevice device;
  private final CbtInfo tracking;
  // The newest image, or null.
  private final Snapshot.Taken newest;

  ChangeExplainer(TrackedDevice device) {
    this.device = device;
    this.tracking = device.tracker().info();
    this.newest = newest(device);
  }

  private static Snapshot.Taken newest(TrackedDevice device) {
    CowArea area = device.chain().newest();
    for (Snapshot snapshot : device.members()) {
      for (Snapshot.Member member : snapshot.members()) {
        Snapshot.Taken taken = member.taken();
        if (member.device == device && taken != null && taken.area() == area) {
          return taken;
        }
      }
    }
    return null;
  }

  ChangeReport explain(UUID generation, int number, int topCount) throws ErrnoException {
    if (topCount < 1 || topCount > ChangeReport.TOP_COUNT_MAX) {
      throw new ErrnoException(
          Errno.EINVAL,
          "explain "
              + device.name()
              + ": top "
              + topCount
              + ": 1 to "
              + ChangeReport.TOP_COUNT_MAX);
    }
    List<SectorRange> ranges = device.tracker().changedSince(generation, number);
    ChangeShape shape = new ChangeShape(ranges, tracking.capacityBytes());
    int blockShift = Integer.numberOfTrailingZeros(tracking.blockSizeBytes());
    Zeroes zeroes = zeroes(ranges);
    String unknown = recentUnknown(blockShift);
    List<BlockSizeEffect> recent = unknown.isEmpty() ? recentSizes(blockShift) : List.of();
    if (unknown.isEmpty()) {
      unknown = recentUnknown(blockShift); // what was lost meanwhile is not in there
    }
    if (!device.tracker().info().equals(tracking)) {
      throw new ErrnoException(
          Errno.EAGAIN,
          "explain " + device.name() + ": a snapshot was taken while it was looked at; ask again");
    }
    return new ChangeReport(
        tracking,
        number,
        shape.changedBytes(),
        ranges.size(),
        shape.regions(blockShift, topCount),
        shape.longest(topCount),
        zeroes.bytes,
        zeroes.source,
        shape.coarser(blockShift),
        newest == null ? "" : newest.imageName(),
        unknown.isEmpty() ? recent : List.of(),
        unknown);
  }

  private List<BlockSizeEffect> recentSizes(int blockShift) {
    CowArea area = newest.area();
    return new ChangeShape(area.savedRanges(), area.capacityBytes())
        .sizes(area.chunkShift(), blockShift);
  }

  /** Why the saved chunks do not tell what finer tracking blocks would; empty if they do. */
  private String recentUnknown(int blockShift) {
    if (newest == null) {
      return "no snapshot is held that was taken last";
    }
    CowArea area = newest.area();
    if (area.errno() != 0) {
      return "image " + newest.imageName() + " is lost, so not all that was written was saved";
    }
    return area.chunkShift() < blockShift
        ? ""
        : "image "
            + newest.imageName()
            + " has chunks of "
            + (1L << area.chunkShift())
            + " bytes, no finer than the tracking block";
  }

  private record Zeroes(long bytes, String source) {}

  private Zeroes zeroes(List<SectorRange> ranges) throws ErrnoException {
    if (newest != null && newest.cbt().equals(tracking) && newest.area().errno() == 0) {
      try {
        return new Zeroes(zeroBytes(newest.image(), ranges), "image " + newest.imageName());
      } catch (ErrnoException lost) {
        // It was lost or destroyed meanwhile; the live device says something too.
        return liveZeroes(ranges);
      }
    }
    return liveZeroes(ranges);
  }

  private Zeroes liveZeroes(List<SectorRange> ranges) throws ErrnoException {
    return new Zeroes(zeroBytes(device.host().lower(), ranges), "live device " + device.name());
  }

  private static long zeroBytes(BlockDevice source, List<SectorRange> ranges)
      throws ErrnoException {
    long sizeBytes = source.geometry().sizeBytes();
    long zeroBytes = 0;
    for (SectorRange range : ranges) {
      long startBytes = range.firstSector() * DeviceGeometry.SECTOR_SIZE_BYTES;
      long endBytes = startBytes + range.sectorCount() * DeviceGeometry.SECTOR_SIZE_BYTES;
      zeroBytes += zeroBytes(source, startBytes, Math.min(endBytes, sizeBytes));
    }
    return zeroBytes;
  }

  private static long zeroBytes(BlockDevice source, long startBytes, long endBytes)
      throws ErrnoException {
    long[] at = {startBytes};
    long[] zeroBytes = {0};
    while (at[0] < endBytes) {
      long askedBytes = at[0];
      source.status(
          askedBytes,
          endBytes - askedBytes,
          (lengthBytes, state) -> {
            long bytes = Math.min(lengthBytes, endBytes - at[0]);
            zeroBytes[0] += (state & ExtentVisitor.ZERO) == 0 ? 0 : bytes;
            at[0] += bytes;
            return at[0] < endBytes;
          });
      if (at[0] <= askedBytes) {
        break; // a device that says nothing
      }
    }
    return zeroBytes[0];
  }
}
