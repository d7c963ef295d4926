package io.sluice.linux;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;

/**
 * The C library by JNA's direct mapping. Every argument is a primitive or an array of primitives:
 * that is the fast form, and arrays are copied in and out, so no native memory has to be owned.
 *
 * <p>open, ioctl and fcntl are variadic in C and are mapped with a fixed third argument. On the two
 * architectures served here that is the same call: both pass variadic integers and pointers in the
 * registers that named ones use. (x86_64 additionally reads the number of vector registers from AL,
 * which only matters to a callee that takes floating point; Apple's ARM ABI differs, Linux's does
 * not.) The third argument is always a whole register, so no upper half is left undefined.
 *
 * <p>The numbers are those of the kernel's generic headers, which x86_64 and aarch64 share but for
 * the O_ flags listed apart. off_t, size_t and long have 64 bits on both.
 */
final class Libc {
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_EXCL = 0200;
  static final int O_CREAT = 0100;
  static final int O_NONBLOCK = 04000;
  static final int O_CLOEXEC = 02000000;
  static final int O_DIRECTORY = Platform.isARM() ? 040000 : 0200000;
  static final int O_TMPFILE = 020000000 | O_DIRECTORY;

  static final int SEEK_END = 2;
  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  static final int FALLOC_FL_KEEP_SIZE = 1;
  static final int FALLOC_FL_PUNCH_HOLE = 2;
  static final int FALLOC_FL_ZERO_RANGE = 0x10;

  static final int F_OFD_GETLK = 36;
  static final int F_OFD_SETLK = 37;
  static final int F_DUPFD_CLOEXEC = 1030;
  static final int F_ADD_SEALS = 1033;
  static final int F_RDLCK = 0;
  static final int F_WRLCK = 1;
  static final int F_UNLCK = 2;

  static final int F_SEAL_SEAL = 1;
  static final int F_SEAL_SHRINK = 2;
  static final int MFD_CLOEXEC = 1;
  static final int MFD_ALLOW_SEALING = 2;

  static final long FS_IOC_FIEMAP = 0xc020660bL;
  static final long BLKROGET = 0x125e;
  static final long BLKSSZGET = 0x1268;
  static final long BLKDISCARD = 0x1277;
  static final long BLKPBSZGET = 0x127b;
  static final long BLKZEROOUT = 0x127f;
  static final long FIFREEZE = 0xc0045877L;
  static final long FITHAW = 0xc0045878L;

  static final long LOOP_SET_FD = 0x4c00;
  static final long LOOP_CLR_FD = 0x4c01;
  static final long LOOP_SET_STATUS64 = 0x4c04;
  static final long LOOP_SET_DIRECT_IO = 0x4c08;
  static final long LOOP_SET_BLOCK_SIZE = 0x4c09;
  static final long LOOP_CONFIGURE = 0x4c0a;
  static final long LOOP_CTL_GET_FREE = 0x4c82;
  static final int LO_FLAGS_READ_ONLY = 1;
  static final int LO_FLAGS_DIRECT_IO = 16;

  static final int SYNC_FILE_RANGE_WAIT_BEFORE = 1;

  static final int MCL_CURRENT = 1;
  static final int MCL_FUTURE = 2;
  static final int MCL_ONFAULT = 4;

  static final int EINTR = 4;
  static final int ENXIO = 6;
  static final int EAGAIN = 11;
  static final int EACCES = 13;
  static final int EBUSY = 16;
  static final int EINVAL = 22;
  static final int ENOTTY = 25;
  static final int ENOSYS = 38;
  static final int EOPNOTSUPP = 95;

  private static final boolean SERVED =
      Platform.isLinux() && Platform.is64Bit() && (Platform.isIntel() || Platform.isARM());

  static {
    if (!SERVED) {
      throw new UnsupportedOperationException(
          "Linux calls are known for x86_64 and aarch64 only, this is "
              + System.getProperty("os.name")
              + " on "
              + System.getProperty("os.arch"));
    }
    // The process itself has the C library loaded, whatever its file is called (glibc, musl).
    Native.register(Libc.class, NativeLibrary.getProcess());
  }

  private Libc() {}

  /** {@code path} ends in a NUL byte. */
  static native int open(byte[] path, int flags, long mode);

  /** {@code name} ends in a NUL byte. */
  static native int memfd_create(byte[] name, int flags);

  static native int fchmod(int fd, int mode);

  static native int close(int fd);

  static native int fallocate(int fd, int mode, long offsetBytes, long lengthBytes);

  static native int ftruncate(int fd, long lengthBytes);

  static native int fdatasync(int fd);

  static native int sync_file_range(int fd, long offsetBytes, long lengthBytes, int flags);

  static native long lseek(int fd, long offsetBytes, int whence);

  static native int ioctl(int fd, long request, int[] argument);

  static native int ioctl(int fd, long request, long[] argument);

  static native int ioctl(int fd, long request, long argument);

  static native int syncfs(int fd);

  /** {@code flock} is {@code struct flock}: type and whence, start, length, pid. */
  static native int fcntl(int fd, int command, long[] flock);

  static native int fcntl(int fd, int command, long argument);

  static native int mlockall(int flags);

  static native Pointer strerror(int number);
}
