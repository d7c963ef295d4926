package io.sluice.shell.blksnap;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.BlockSysfs;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileExtents;
import io.sluice.linux.FileStatus;
import io.sluice.snapshot.SectorRange;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Where a file lies.
 *
 * @param device what its file system is on, by number: {@code /dev/block/MAJOR:MINOR}
 * @param ranges of that device, in the order of the file's bytes
 */
record FileLayout(String device, List<SectorRange> ranges) {
  /** Finds out where a file lies. */
  @FunctionalInterface
  interface Finder {
    /**
     * Asks.
     *
     * @param path of a regular file, absolute
     * @throws ErrnoException ENOENT, EACCES and the like; EINVAL for what is no regular file;
     *     ENOTSUP if its file system can't tell
     */
    FileLayout find(Path path) throws ErrnoException;
  }

  /** By the kernel. */
  static FileLayout find(Path path) throws ErrnoException {
    try {
      checkRegular(FileStatus.of(path, "stat " + path), path);
      try (ControlDescriptor file = ControlDescriptor.open(path, false, false)) {
        FileStatus status = file.status();
        checkRegular(status, path);
        String device = "/dev/block/" + BlockSysfs.numbers(status.fileSystem());
        return new FileLayout(device, ranges(FileExtents.of(file, path.toString()), path));
      }
    } catch (LinkageError e) {
      throw new ErrnoException(
          Errno.ENOTSUP, "extents of " + path + ": this agent is without the bundle JNA", e);
    }
  }

  private static void checkRegular(FileStatus status, Path path) throws ErrnoException {
    if (!status.regular()) {
      throw new ErrnoException(
          Errno.EINVAL, path + " is " + status.kind() + "; name a regular file on the device");
    }
  }

  private static List<SectorRange> ranges(List<FileExtents.Extent> extents, Path path)
      throws ErrnoException {
    int sectorBytes = DeviceGeometry.SECTOR_SIZE_BYTES;
    List<SectorRange> ranges = new ArrayList<>();
    for (FileExtents.Extent extent : extents) {
      long start = extent.deviceOffsetBytes();
      if (start % sectorBytes != 0 || extent.lengthBytes() % sectorBytes != 0) {
        throw new ErrnoException(
            Errno.EINVAL, "extents of " + path + ": at byte " + start + " no sector begins");
      }
      ranges.add(new SectorRange(start / sectorBytes, extent.lengthBytes() / sectorBytes));
    }
    return ranges;
  }
}
