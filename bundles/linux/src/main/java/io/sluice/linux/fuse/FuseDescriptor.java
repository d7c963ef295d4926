package io.sluice.linux.fuse;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.SystemErrors;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * An open /dev/fuse: each read is one request, each write one reply. May be used by several
 * threads, but a reply goes to the descriptor that its request came from.
 */
public final class FuseDescriptor implements AutoCloseable {
  /** Read: no connection any more, since it was unmounted. */
  public static final int ENODEV = 19;

  /** Read: the connection was aborted. */
  public static final int ECONNABORTED = 103;

  /** Read: the request was withdrawn on its way. Write: nobody waits for the reply any more. */
  public static final int ENOENT = 2;

  /** Read: a signal came. */
  public static final int EINTR = 4;

  /** Read: another thread was faster. */
  public static final int EAGAIN = 11;

  private static final String DEVICE = "/dev/fuse";
  private static final int ENXIO = 6;

  private final int fd;
  private boolean closed;

  FuseDescriptor(int fd) {
    this.fd = fd;
  }

  /**
   * Opens the device.
   *
   * @throws ErrnoException ENODEV if the kernel has no FUSE; EACCES, EPERM if it may not be opened
   */
  public static FuseDescriptor open() throws ErrnoException {
    try {
      int fd = FuseCalls.open(terminated(DEVICE), FuseCalls.O_RDWR | FuseCalls.O_CLOEXEC, 0);
      if (fd >= 0) {
        return new FuseDescriptor(fd);
      }
    } catch (LinkageError e) {
      throw new ErrnoException(
          Errno.ENOTSUP, "open " + DEVICE + ": the C library can't be called: " + e, e);
    }
    int number = Native.getLastError();
    if (number == ENOENT || number == ENODEV || number == ENXIO) {
      throw new ErrnoException(
          Errno.ENODEV,
          "open "
              + DEVICE
              + ": the kernel has no FUSE here; load it with \"modprobe fuse\", or"
              + " give the container the device");
    }
    throw new ErrnoException(
        Errno.ofNumber(number),
        "open "
            + DEVICE
            + ": "
            + Errno.ofNumber(number).meaning()
            + "; the agent's user needs read and write permission on it");
  }

  /**
   * A further descriptor of the same connection, with a queue of its own for what is under way.
   *
   * @throws ErrnoException what open(2) and ioctl(2) report
   */
  public FuseDescriptor cloned() throws ErrnoException {
    FuseDescriptor clone = open();
    if (FuseCalls.ioctl(clone.fd, FuseCalls.FUSE_DEV_IOC_CLONE, new int[] {fd}) != 0) {
      ErrnoException failure =
          SystemErrors.failure(Native.getLastError(), "clone descriptor of " + DEVICE);
      clone.close();
      throw failure;
    }
    return clone;
  }

  /** Where a direct buffer's memory begins, for {@link #read} and {@link #write}. */
  public static long address(ByteBuffer direct) {
    return Pointer.nativeValue(Native.getDirectBufferPointer(direct));
  }

  /**
   * Waits for a request.
   *
   * @return its length in bytes, or an errno, negative
   */
  public long read(long address, long bytes) {
    long count = FuseCalls.read(fd, address, bytes);
    return count >= 0 ? count : -Native.getLastError();
  }

  /**
   * Sends a reply.
   *
   * @return its length in bytes, or an errno, negative
   */
  public long write(long address, long bytes) {
    long count = FuseCalls.write(fd, address, bytes);
    return count >= 0 ? count : -Native.getLastError();
  }

  /**
   * Ends this descriptor under a thread that still uses its number: the number leads to /dev/null
   * from now on, and is given to no other file before {@link #close}.
   */
  public synchronized void abandon() {
    if (closed) {
      return;
    }
    int sink = FuseCalls.open(terminated("/dev/null"), FuseCalls.O_RDWR | FuseCalls.O_CLOEXEC, 0);
    if (sink >= 0) {
      FuseCalls.dup2(sink, fd);
      FuseCalls.close(sink);
    }
  }

  /** The connection ends with its last descriptor. Idempotent. No thread may be using it. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      FuseCalls.close(fd);
    }
  }

  int number() {
    return fd;
  }

  static byte[] terminated(String text) {
    return (text + '\0').getBytes(SystemErrors.NATIVE_CHARSET);
  }

  static byte[] terminatedPath(Path path) {
    return terminated(path.toString());
  }
}
