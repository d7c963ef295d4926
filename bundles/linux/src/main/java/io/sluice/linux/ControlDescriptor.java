package io.sluice.linux;

import com.sun.jna.Native;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.channels.Channel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.StampedLock;
import java.util.function.IntSupplier;

/**
 * An open file, for everything but reading and writing: those go through a {@link SteadyChannel} on
 * {@link #path()}, which leads to this very file even if its name is gone or means another by now.
 *
 * <p>It stays open, by one descriptor, until {@link #close()}. That is what the lock, the exclusive
 * claim of a block device and the reporting of write-back errors by {@link #sync()} hang on; a
 * channel would lose all three when an interrupt closes it. All methods may be called from any
 * thread; none needs the file position to stay where it is. Failures name the call and the file.
 */
public final class ControlDescriptor implements Channel {
  /** Lets calls run beside each other, and close wait for them: a closed number is soon reused. */
  private static final long BEYOND_BYTES = 1L << 60;

  private final StampedLock inUse = new StampedLock();

  private final String name;
  private int fd;

  private ControlDescriptor(int fd, String name) {
    this.fd = fd;
    this.name = name;
  }

  /**
   * Opens a file that exists.
   *
   * @param writable for reading and writing, else for reading
   * @param claim for a block device: claims it against mounts and other exclusive users
   * @throws ErrnoException what open(2) reports; EBUSY for a claimed device
   */
  public static ControlDescriptor open(Path path, boolean writable, boolean claim)
      throws ErrnoException {
    int access = writable ? Libc.O_RDWR : Libc.O_RDONLY;
    // O_NONBLOCK, lest a named pipe put in the file's place hang the caller; not on a block device,
    // where it would mean not to look for a medium.
    return open(path, access | (claim ? Libc.O_EXCL : Libc.O_NONBLOCK), path.toString());
  }

  /**
   * Creates a regular file, readable and writable by its owner alone.
   *
   * @throws ErrnoException what open(2) reports; EEXIST if there is one
   */
  public static ControlDescriptor create(Path path) throws ErrnoException {
    return open(path, Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL, path.toString());
  }

  /**
   * Creates a file without a name, which vanishes when its last descriptor is closed.
   *
   * @throws ErrnoException what open(2) reports; ENOTSUP if the file system has no such files
   */
  public static ControlDescriptor createUnnamed(Path directory) throws ErrnoException {
    String name = "unnamed file in " + directory;
    try {
      return open(directory, Libc.O_RDWR | Libc.O_TMPFILE | Libc.O_EXCL, name);
    } catch (ErrnoException e) {
      // A kernel or file system that does not know O_TMPFILE takes it for a directory to write to.
      if (e.errno() == Errno.EISDIR || e.errno() == Errno.EINVAL) {
        throw new ErrnoException(Errno.ENOTSUP, e.text(), e);
      }
      throw e;
    }
  }

  /**
   * Creates a file in memory, without a name, for its owner alone, which vanishes when its last
   * descriptor is closed. It can't be made shorter: whoever got hold of it could cut off what is
   * relied upon.
   *
   * @param name for messages, and for /proc
   * @throws ErrnoException what memfd_create(2) reports; ENOTSUP if the C library has none
   */
  public static ControlDescriptor createInMemory(String name) throws ErrnoException {
    byte[] terminated = (name + '\0').getBytes(SystemErrors.NATIVE_CHARSET);
    int fd;
    try {
      fd = Libc.memfd_create(terminated, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
    } catch (LinkageError e) {
      throw unavailable(e);
    }
    if (fd < 0) {
      throw SystemErrors.failure(Native.getLastError(), "create " + name);
    }
    ControlDescriptor made = new ControlDescriptor(fd, name);
    long seals = Libc.F_SEAL_SHRINK | Libc.F_SEAL_SEAL;
    if (Libc.fchmod(fd, 0600) != 0 || Libc.fcntl(fd, Libc.F_ADD_SEALS, seals) != 0) {
      ErrnoException failure = SystemErrors.failure(Native.getLastError(), "seal " + name);
      made.close();
      throw failure;
    }
    return made;
  }

  /**
   * Makes a second descriptor of a file that this process has open, for whoever takes it over from
   * code with other classes: both are of one open file description, so a lock holds until the last
   * of them is closed.
   *
   * @param number the {@link #number()} of the first
   * @param name for messages
   * @throws ErrnoException what fcntl(2) reports; EMFILE if the process has too many
   */
  public static ControlDescriptor duplicate(int number, String name) throws ErrnoException {
    int fd = Libc.fcntl(number, Libc.F_DUPFD_CLOEXEC, 0L);
    if (fd < 0) {
      throw SystemErrors.failure(Native.getLastError(), "duplicate descriptor of " + name);
    }
    return new ControlDescriptor(fd, name);
  }

  private static ControlDescriptor open(Path path, int flags, String name) throws ErrnoException {
    byte[] bytes = path.toString().getBytes(SystemErrors.NATIVE_CHARSET);
    byte[] terminated = Arrays.copyOf(bytes, bytes.length + 1);
    while (true) {
      int fd = firstCall(terminated, flags | Libc.O_CLOEXEC);
      if (fd >= 0) {
        return new ControlDescriptor(fd, name);
      }
      int number = Native.getLastError();
      if (number != Libc.EINTR) {
        throw SystemErrors.failure(number, "open " + name);
      }
    }
  }

  /** Where the C library is needed first, and so where it shows if it can't be had. */
  private static int firstCall(byte[] path, int flags) throws ErrnoException {
    try {
      return Libc.open(path, flags, 0600);
    } catch (LinkageError e) {
      throw unavailable(e);
    }
  }

  private static ErrnoException unavailable(LinkageError e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return new ErrnoException(
        Errno.ENOTSUP,
        "call of the C library: "
            + cause.getMessage()
            + "; JNA unpacks its library into jna.tmpdir, which must allow execution",
        e);
  }

  /** A path to the open file itself, valid until {@link #close()}. Needs /proc. */
  public Path path() {
    long stamp = inUse.readLock();
    try {
      return Path.of("/proc/self/fd/" + fd);
    } finally {
      inUse.unlockRead(stamp);
    }
  }

  /** The descriptor's number in this process, valid until {@link #close()}; -1 after it. */
  public int number() {
    long stamp = inUse.readLock();
    try {
      return fd;
    } finally {
      inUse.unlockRead(stamp);
    }
  }

  @Override
  public boolean isOpen() {
    return number() >= 0;
  }

  /** What the open file is. */
  public FileStatus status() throws ErrnoException {
    return FileStatus.of(path(), "stat " + name);
  }

  /**
   * Locks the whole file for this descriptor alone. An open-file-description lock: unlike a classic
   * POSIX lock it excludes others of this process, and does not vanish when some other descriptor
   * of the file is closed.
   *
   * @return false if another one holds any lock on it
   */
  public boolean lockExclusive() throws ErrnoException {
    return lock(Libc.F_OFD_SETLK, Libc.F_WRLCK, 0, 0);
  }

  /**
   * Locks the file against writers, beside other readers. QEMU says by read locks on single bytes
   * what its processes do and do not put up with: 100 + n "I do n", 200 + n "I can't bear others
   * doing n", with n = 0 reading, 1 writing, 3 resizing. The lock leaves out the bytes that would
   * say that this process writes, or can't bear readers; everything else is locked, so that whoever
   * locks the whole file for writing is refused, and vice versa.
   *
   * @return false if another one holds it for writing
   */
  public boolean lockShared() throws ErrnoException {
    boolean held =
        lock(Libc.F_OFD_SETLK, Libc.F_RDLCK, 0, 101)
            && lock(Libc.F_OFD_SETLK, Libc.F_RDLCK, 201, 0)
            && lock(Libc.F_OFD_GETLK, Libc.F_WRLCK, 101, 1)
            && lock(Libc.F_OFD_GETLK, Libc.F_WRLCK, 103, 1);
    if (!held) {
      lock(Libc.F_OFD_SETLK, Libc.F_UNLCK, 0, 0);
    }
    return held;
  }

  private boolean lock(int command, int type, long startBytes, long lengthBytes)
      throws ErrnoException {
    long[] flock = {type, startBytes, lengthBytes, 0};
    int number = errnoOf(() -> Libc.fcntl(fd, command, flock));
    if (number == Libc.EAGAIN || number == Libc.EACCES) {
      return false;
    }
    check(number, "lock");
    return command == Libc.F_OFD_SETLK || (short) flock[0] == Libc.F_UNLCK;
  }

  /** By how many names the file can be found; 0 once it is deleted, or if it never had one. */
  public int linkCount() throws ErrnoException {
    try {
      return (int) Files.getAttribute(path(), "unix:nlink");
    } catch (IOException e) {
      throw SystemErrors.failure(e, "stat " + name);
    }
  }

  /** The length of a regular file or block device in bytes, as it is now. */
  public long sizeBytes() throws ErrnoException {
    // The same number as st_size and BLKGETSIZE64, in one call for both kinds.
    return seek(0, Libc.SEEK_END, "seek to the end");
  }

  /**
   * Where the next data start.
   *
   * @return at least {@code offsetBytes}; -1 if there is nothing but a hole up to the end
   * @throws ErrnoException EINVAL from a file system that can't tell
   */
  public long nextDataBytes(long offsetBytes) throws ErrnoException {
    return seek(offsetBytes, Libc.SEEK_DATA, "seek data");
  }

  /**
   * Where the next hole starts; the file's end counts as one.
   *
   * @return at least {@code offsetBytes}; -1 if that lies past the end
   * @throws ErrnoException EINVAL from a file system that can't tell
   */
  public long nextHoleBytes(long offsetBytes) throws ErrnoException {
    return seek(offsetBytes, Libc.SEEK_HOLE, "seek hole");
  }

  private long seek(long offsetBytes, int whence, String what) throws ErrnoException {
    int number;
    long stamp = enter();
    try {
      long found = Libc.lseek(fd, offsetBytes, whence);
      if (found >= 0) {
        return found;
      }
      number = Native.getLastError();
    } finally {
      inUse.unlockRead(stamp);
    }
    if (number == Libc.ENXIO) {
      return -1;
    }
    throw SystemErrors.failure(number, what + " from " + offsetBytes + " on " + name);
  }

  /** Makes what was written through any descriptor of this file durable (fdatasync). */
  public void sync() throws ErrnoException {
    int number = 0;
    long stamp = enter();
    try {
      while (Libc.fdatasync(fd) != 0) {
        number = Native.getLastError();
        if (number != Libc.EINTR) {
          break;
        }
        number = 0;
      }
    } finally {
      inUse.unlockRead(stamp);
    }
    check(number, "flush");
  }

  /**
   * Reserves space, and lengthens the file if the range ends past it.
   *
   * @return false, with nothing done, if the file system can't
   * @throws ErrnoException ENOSPC, EDQUOT, EFBIG; part of the range may have been reserved
   */
  public boolean reserve(long offsetBytes, long lengthBytes) throws ErrnoException {
    return allocate(0, offsetBytes, lengthBytes, "reserve");
  }

  /**
   * Frees a range, which reads as zeroes then. Never changes the size. On a block device: zeroes
   * that the device can make without being sent any, freeing the blocks if it likes.
   *
   * @return false, with nothing done, if the file system or device can't
   */
  public boolean punchHole(long offsetBytes, long lengthBytes) throws ErrnoException {
    int mode = Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE;
    return allocate(mode, offsetBytes, lengthBytes, "punch hole");
  }

  /**
   * Makes a range of a regular file read as zeroes, by reserved space. Never changes the size.
   *
   * @return false, with nothing done, if the file system can't
   */
  public boolean zeroRange(long offsetBytes, long lengthBytes) throws ErrnoException {
    int mode = Libc.FALLOC_FL_ZERO_RANGE | Libc.FALLOC_FL_KEEP_SIZE;
    return allocate(mode, offsetBytes, lengthBytes, "zero range");
  }

  private boolean allocate(int mode, long offsetBytes, long lengthBytes, String what)
      throws ErrnoException {
    int number = 0;
    long stamp = enter();
    try {
      while (Libc.fallocate(fd, mode, offsetBytes, lengthBytes) != 0) {
        number = Native.getLastError();
        if (number != Libc.EINTR) {
          break;
        }
        number = 0;
      }
    } finally {
      inUse.unlockRead(stamp);
    }
    return supported(number, what, offsetBytes, lengthBytes);
  }

  /**
   * Says that a block device's range is of no more use (BLKDISCARD).
   *
   * @return false, with nothing done, if the device can't
   */
  public boolean discardBlocks(long offsetBytes, long lengthBytes) throws ErrnoException {
    return blockRange(Libc.BLKDISCARD, "discard", offsetBytes, lengthBytes);
  }

  /**
   * Makes a block device's range read as zeroes and keeps it allocated (BLKZEROOUT); the kernel
   * writes them if the device can't.
   *
   * @return false, with nothing done, if the device can't
   */
  public boolean zeroBlocks(long offsetBytes, long lengthBytes) throws ErrnoException {
    return blockRange(Libc.BLKZEROOUT, "zero", offsetBytes, lengthBytes);
  }

  private boolean blockRange(long request, String what, long offsetBytes, long lengthBytes)
      throws ErrnoException {
    int number = 0;
    long stamp = enter();
    try {
      if (Libc.ioctl(fd, request, new long[] {offsetBytes, lengthBytes}) != 0) {
        number = Native.getLastError();
      }
    } finally {
      inUse.unlockRead(stamp);
    }
    return supported(number, what, offsetBytes, lengthBytes);
  }

  /**
   * A call of ioctl(2) whose argument is a structure of whole longs, which the kernel fills in.
   *
   * @param what the operation, for a failure's text
   */
  void control(long request, long[] argument, String what) throws ErrnoException {
    int number = errnoOf(() -> Libc.ioctl(fd, request, argument));
    check(number, what);
  }

  /**
   * Refuses a file of which something that was written has not reached its storage, since the last
   * call or the open: the page cache may have let go of it, and a read get what was there before.
   * Starts and waits for no write-back.
   *
   * @throws ErrnoException EIO, ENOSPC, EDQUOT, as the write-back failed; once for each failure
   */
  public void checkWrittenBack() throws ErrnoException {
    // Of a range beyond any file nothing is under way; what is asked for is the news of failures.
    int number =
        errnoOf(() -> Libc.sync_file_range(fd, BEYOND_BYTES, 1, Libc.SYNC_FILE_RANGE_WAIT_BEFORE));
    check(number, "write-back");
  }

  /** Makes a call that answers 0, or sets errno. */
  private int errnoOf(IntSupplier call) throws ErrnoException {
    long stamp = enter();
    try {
      return call.getAsInt() == 0 ? 0 : Native.getLastError();
    } finally {
      inUse.unlockRead(stamp);
    }
  }

  /** A block device's logical sector in bytes, the least unit of its I/O. */
  public int logicalSectorSizeBytes() throws ErrnoException {
    return askDevice(Libc.BLKSSZGET, "ask the sector size");
  }

  /** A block device's physical sector in bytes; a write of less costs a read. */
  public int physicalSectorSizeBytes() throws ErrnoException {
    return askDevice(Libc.BLKPBSZGET, "ask the physical sector size");
  }

  /** Whether a block device takes no writes; it may be opened for writing all the same. */
  public boolean readOnlyDevice() throws ErrnoException {
    return askDevice(Libc.BLKROGET, "ask whether it is read-only") != 0;
  }

  private int askDevice(long request, String what) throws ErrnoException {
    int[] answer = new int[1];
    int number = errnoOf(() -> Libc.ioctl(fd, request, answer));
    check(number, what);
    return answer[0];
  }

  /** Sets a regular file's length; what is added is a hole. */
  public void truncate(long lengthBytes) throws ErrnoException {
    int number = errnoOf(() -> Libc.ftruncate(fd, lengthBytes));
    check(number, "set the length to " + lengthBytes);
  }

  /**
   * Closes the descriptor once the calls in flight are done; idempotent.
   *
   * @throws ErrnoException EIO, ENOSPC, EDQUOT from a file system that reports late
   */
  @Override
  public void close() throws ErrnoException {
    int number = 0;
    long stamp = inUse.writeLock();
    try {
      // Not repeated after EINTR: Linux has freed the number by then.
      if (fd >= 0 && Libc.close(fd) != 0 && Native.getLastError() != Libc.EINTR) {
        number = Native.getLastError();
      }
      fd = -1;
    } finally {
      inUse.unlockWrite(stamp);
    }
    check(number, "close");
  }

  private long enter() throws ErrnoException {
    long stamp = inUse.readLock();
    if (fd < 0) {
      inUse.unlockRead(stamp);
      throw new ErrnoException(Errno.ESHUTDOWN, name + " is closed");
    }
    return stamp;
  }

  private boolean supported(int number, String what, long offsetBytes, long lengthBytes)
      throws ErrnoException {
    if (number == Libc.EOPNOTSUPP || number == Libc.ENOSYS || number == Libc.ENOTTY) {
      return false;
    }
    if (number != 0) {
      throw SystemErrors.failure(
          number, what + " of " + lengthBytes + " bytes at " + offsetBytes + " on " + name);
    }
    return true;
  }

  private void check(int number, String what) throws ErrnoException {
    if (number != 0) {
      throw SystemErrors.failure(number, what + " on " + name);
    }
  }
}
