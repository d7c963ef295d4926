package io.sluice.linux;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.ArrayList;
import java.util.List;

/** Where a file's bytes lie on the device of its file system, by the ioctl FIEMAP. */
public final class FileExtents {
  /** The most extents that are told of one file. */
  public static final int EXTENT_COUNT_MAX = 1 << 20;

  // struct fiemap: start, length, flags with the count found, room for so many, extents.
  private static final int HEADER_LONGS = 4;
  // struct fiemap_extent: logical, physical, length, two reserved, flags, reserved.
  private static final int EXTENT_LONGS = 7;
  private static final int ROOM = 500;

  /** What is not on the device yet is put there first. */
  private static final long FLAG_SYNC = 1;

  private static final int EXTENT_LAST = 1;
  // Unknown place, place not assigned yet, encoded (compressed, encrypted), in the metadata.
  private static final int EXTENT_ELSEWHERE = 0x2 | 0x4 | 0x8 | 0x80 | 0x100 | 0x200 | 0x400;

  private FileExtents() {}

  /**
   * A run of a file's bytes.
   *
   * @param fileOffsetBytes where it is in the file
   * @param deviceOffsetBytes where it is on the device
   * @param lengthBytes how long it is; the last one may reach past the file's end
   */
  public record Extent(long fileOffsetBytes, long deviceOffsetBytes, long lengthBytes) {}

  /**
   * Asks; holes are left out.
   *
   * @param name of the file, for messages
   * @throws ErrnoException ENOTSUP if the file system can't tell, or keeps the file in another form
   *     than as plain blocks; EOVERFLOW for more than {@link #EXTENT_COUNT_MAX} extents; what
   *     ioctl(2) reports
   */
  public static List<Extent> of(ControlDescriptor file, String name) throws ErrnoException {
    List<Extent> extents = new ArrayList<>();
    long[] map = new long[HEADER_LONGS + ROOM * EXTENT_LONGS];
    long askedBytes = 0;
    while (true) {
      map[0] = askedBytes;
      map[1] = -1L >>> 1;
      map[2] = FLAG_SYNC;
      map[3] = ROOM;
      file.control(Libc.FS_IOC_FIEMAP, map, "ask for the extents");
      int count = (int) (map[2] >>> 32);
      for (int i = 0; i < count; i++) {
        int at = HEADER_LONGS + i * EXTENT_LONGS;
        Extent extent = new Extent(map[at], map[at + 1], map[at + 2]);
        int flags = (int) map[at + 5];
        check(extent, flags, name, extents.size());
        extents.add(extent);
        askedBytes = extent.fileOffsetBytes() + extent.lengthBytes();
        if ((flags & EXTENT_LAST) != 0) {
          return extents;
        }
      }
      if (count == 0) {
        return extents; // nothing but a hole up to the end
      }
    }
  }

  private static void check(Extent extent, int flags, String name, int already)
      throws ErrnoException {
    if ((flags & EXTENT_ELSEWHERE) != 0) {
      throw new ErrnoException(
          Errno.ENOTSUP,
          String.format(
              "extents of %s: at byte %d it is not kept as plain blocks of the device (flags"
                  + " 0x%x: compressed, encrypted, inline or not yet written)",
              name, extent.fileOffsetBytes(), flags));
    }
    if (extent.lengthBytes() <= 0) {
      throw new ErrnoException(
          Errno.EIO, "extents of " + name + ": the file system tells of an empty one");
    }
    if (already >= EXTENT_COUNT_MAX) {
      throw new ErrnoException(
          Errno.EOVERFLOW, "extents of " + name + ": more than the limit of " + EXTENT_COUNT_MAX);
    }
  }
}
