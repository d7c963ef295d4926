package io.sluice.linux;

import com.sun.jna.Native;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The kernel's loop devices: block devices over files. What there is, is read from /sys, never
 * asked of the device: LOOP_GET_STATUS64 would ask the file system of the file behind it, whose
 * server may answer no more.
 */
public final class LoopDevices {
  private static final Path CONTROL = Path.of("/dev/loop-control");
  private static final Path SYSFS = Path.of("/sys/block");

  /** What the kernel puts behind the path of a file that has no name any more. */
  private static final String DELETED = " (deleted)";

  /** How often another process may take the free device that was found before this one does. */
  private static final int RACE_COUNT_MAX = 64;

  // struct loop_config: descriptor and block size, struct loop_info64, eight reserved longs.
  private static final int CONFIG_LONGS = 38;
  private static final int INFO_AT_LONGS = 1;
  private static final int INFO_LONGS = 29;
  // In struct loop_info64: the size of a key and the flags, half a long each; then the file's name.
  private static final int FLAGS_AT_LONGS = 6;
  private static final int NAME_AT_LONGS = 7;
  private static final int NAME_BYTES = 64;

  private LoopDevices() {}

  /**
   * A loop device in use.
   *
   * @param number as in {@code /dev/loopNUMBER}
   * @param device st_rdev
   * @param backingFile what is behind it, as the kernel names it now: after its file system was
   *     unmounted lazily, by the path from that one's root
   * @param offsetBytes where it starts in the file
   */
  public record Attached(int number, long device, Path backingFile, long offsetBytes) {
    /** Where it can be opened. */
    public Path path() {
      return LoopDevices.path(number);
    }
  }

  /** {@code /dev/loopNUMBER}. */
  public static Path path(int number) {
    return Path.of("/dev/loop" + number);
  }

  /** Those in use. Asks nobody but /sys. */
  public static List<Attached> list() {
    List<Attached> found = new ArrayList<>();
    for (Path directory : BlockSysfs.list(SYSFS)) {
      String name = directory.getFileName().toString();
      String backing = BlockSysfs.read(directory.resolve("loop/backing_file"));
      if (name.matches("loop\\d{1,7}") && !backing.isEmpty()) {
        String offset = BlockSysfs.read(directory.resolve("loop/offset"));
        BlockSysfs.numbered(directory.resolve("dev"))
            .ifPresent(
                identity ->
                    found.add(
                        new Attached(
                            Integer.parseInt(name.substring("loop".length())),
                            identity.inode(),
                            Path.of(withoutMark(backing)),
                            offset.isEmpty() ? 0 : Long.parseLong(offset))));
      }
    }
    return found;
  }

  private static String withoutMark(String backing) {
    return backing.endsWith(DELETED)
        ? backing.substring(0, backing.length() - DELETED.length())
        : backing;
  }

  /**
   * Puts the first free loop device over a file, with direct I/O if the file can do that.
   *
   * @param file a regular file
   * @param blockSizeBytes its logical sector: a power of two from 512 to a page
   * @return its number
   * @throws ErrnoException ENODEV where the kernel has no loop devices; EACCES, EPERM without the
   *     right to make one; EBUSY if others take each that is free; what open(2) of the file reports
   */
  public static int attach(Path file, boolean readOnly, int blockSizeBytes) throws ErrnoException {
    try (ControlDescriptor backing = ControlDescriptor.open(file, !readOnly, false);
        ControlDescriptor control = openControl()) {
      for (int attempt = 0; attempt < RACE_COUNT_MAX; attempt++) {
        int number = Libc.ioctl(control.number(), Libc.LOOP_CTL_GET_FREE, 0L);
        if (number < 0) {
          throw SystemErrors.failure(Native.getLastError(), "find a free loop device");
        }
        try (ControlDescriptor device = ControlDescriptor.open(path(number), !readOnly, false)) {
          int errno = configure(device, backing, file, readOnly, blockSizeBytes);
          if (errno == 0) {
            return number;
          }
          if (errno != Libc.EBUSY) {
            throw SystemErrors.failure(errno, "attach " + path(number) + " to " + file);
          }
        }
      }
      throw new ErrnoException(
          Errno.EBUSY,
          "attach a loop device to "
              + file
              + ": others took each that was free, "
              + RACE_COUNT_MAX
              + " times; try again");
    }
  }

  private static ControlDescriptor openControl() throws ErrnoException {
    try {
      return ControlDescriptor.open(CONTROL, true, false);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOENT) {
        throw new ErrnoException(
            Errno.ENODEV, CONTROL + ": this kernel has no loop devices; try modprobe loop", e);
      }
      throw e;
    }
  }

  private static int configure(
      ControlDescriptor device,
      ControlDescriptor backing,
      Path file,
      boolean readOnly,
      int blockSizeBytes)
      throws ErrnoException {
    long[] config = new long[CONFIG_LONGS];
    config[0] = backing.number() | (long) blockSizeBytes << 32;
    long[] info = info(file, readOnly ? Libc.LO_FLAGS_READ_ONLY : 0);
    System.arraycopy(info, 0, config, INFO_AT_LONGS, INFO_LONGS);
    config[INFO_AT_LONGS + FLAGS_AT_LONGS] |= (long) Libc.LO_FLAGS_DIRECT_IO << 32;
    int errno = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_CONFIGURE, config));
    boolean unknown = errno == Libc.EINVAL || errno == Libc.ENOTTY || errno == Libc.ENOSYS;
    return unknown ? configureInSteps(device, backing, info, blockSizeBytes) : errno;
  }

  private static int errnoOf(int result) {
    return result == 0 ? 0 : Native.getLastError();
  }

  /** As kernels before 5.8 have it. */
  static int configureInSteps(
      ControlDescriptor device, ControlDescriptor backing, long[] info, int blockSizeBytes)
      throws ErrnoException {
    int errno = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_SET_FD, (long) backing.number()));
    if (errno != 0) {
      return errno;
    }
    errno = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_SET_STATUS64, info));
    if (errno == 0 && blockSizeBytes != 512) {
      errno = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_SET_BLOCK_SIZE, (long) blockSizeBytes));
    }
    if (errno != 0) {
      int undone = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_CLR_FD, 0L));
      return undone == 0 ? errno : undone;
    }
    // A file that has no direct I/O is used without it.
    int ignored = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_SET_DIRECT_IO, 1L));
    return 0;
  }

  /** {@code struct loop_info64}: flags, and the file's name as old programs show it. */
  static long[] info(Path file, int flags) {
    long[] info = new long[INFO_LONGS];
    info[FLAGS_AT_LONGS] = (long) flags << 32;
    byte[] name = file.toString().getBytes(SystemErrors.NATIVE_CHARSET);
    ByteBuffer field = ByteBuffer.allocate(NAME_BYTES).order(ByteOrder.nativeOrder());
    field.put(name, 0, Math.min(name.length, NAME_BYTES - 1)).clear();
    field.asLongBuffer().get(info, NAME_AT_LONGS, NAME_BYTES / Long.BYTES);
    return info;
  }

  /**
   * Takes a loop device off its file: at once, or when the last who has it open or mounted lets go.
   *
   * @param attached as {@link #list} told; if it stands on another file by now, nothing is done
   * @return whether it was still on that file
   * @throws ErrnoException what open(2) and ioctl(2) report
   */
  public static boolean detach(Attached attached) throws ErrnoException {
    try (ControlDescriptor device = ControlDescriptor.open(attached.path(), false, false)) {
      if (!isThere(attached)) { // open, it can't be taken off and put on another file any more
        return false;
      }
      int errno = errnoOf(Libc.ioctl(device.number(), Libc.LOOP_CLR_FD, 0L));
      if (errno != 0 && errno != Libc.ENXIO) {
        throw SystemErrors.failure(errno, "detach " + attached.path());
      }
      return errno == 0;
    }
  }

  /** Whether a loop device still stands on the file that it stood on. */
  public static boolean isThere(Attached attached) {
    return list().stream()
        .anyMatch(
            now ->
                now.number() == attached.number()
                    && now.backingFile().equals(attached.backingFile()));
  }

  /**
   * Whether a loop device is mounted, or claimed by whoever wants it for itself.
   *
   * @throws ErrnoException what open(2) reports, but for EBUSY
   */
  public static boolean isClaimed(int number) throws ErrnoException {
    try {
      ControlDescriptor.open(path(number), false, true).close();
      return false;
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EBUSY) {
        return true;
      }
      throw e;
    }
  }
}
