package io.sluice.linux.fuse;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * The C library's calls for FUSE by JNA's direct mapping, with primitives and arrays of primitives
 * alone: that is the fast form. Buffers go by address, so a request costs no object.
 */
final class FuseCalls {
  static final int O_RDWR = 2;
  static final int O_CLOEXEC = 02000000;

  static final long MS_NOSUID = 2;
  static final long MS_NODEV = 4;
  static final long MS_NOEXEC = 8;
  static final long MS_NOATIME = 1024;

  static final int MNT_DETACH = 2;
  static final int UMOUNT_NOFOLLOW = 8;

  /** _IOR(229, 0, uint32_t) */
  static final long FUSE_DEV_IOC_CLONE = 0x8004e500L;

  /** f_type of struct statfs, whose first word it is. */
  static final long FUSE_SUPER_MAGIC = 0x65735546L;

  /** More than struct statfs has on the architectures served. */
  static final int STATFS_BYTES = 256;

  /** More than posix_spawn_file_actions_t has in any C library. */
  static final int ACTIONS_BYTES = 256;

  static final int MSG_CMSG_CLOEXEC = 0x40000000;
  static final int SOL_SOCKET = 1;
  static final int SCM_RIGHTS = 1;
  static final int AF_UNIX = 1;
  static final int SOCK_STREAM = 1;
  static final int SOCK_CLOEXEC = 02000000;

  static {
    // The process itself has the C library loaded, whatever its file is called (glibc, musl).
    Native.register(FuseCalls.class, NativeLibrary.getProcess());
  }

  private FuseCalls() {}

  /** {@code path} ends in a NUL byte, as in all calls here. */
  static native int open(byte[] path, int flags, long mode);

  static native int close(int fd);

  static native int dup2(int fd, int asFd);

  static native long read(int fd, long address, long bytes);

  static native long write(int fd, long address, long bytes);

  static native int ioctl(int fd, long request, int[] argument);

  static native int mount(byte[] source, byte[] target, byte[] type, long flags, byte[] data);

  static native int umount2(byte[] target, int flags);

  static native int statfs(byte[] path, byte[] statfs);

  static native int getuid();

  static native int socketpair(int domain, int type, int protocol, int[] pair);

  static native long recvmsg(int fd, Pointer message, int flags);

  /** {@code actions} has room for the C library's opaque structure, {@link #ACTIONS_BYTES}. */
  static native int posix_spawn_file_actions_init(Pointer actions);

  static native int posix_spawn_file_actions_adddup2(Pointer actions, int fd, int asFd);

  /** Closing one that is not open is no error. */
  static native int posix_spawn_file_actions_addclose(Pointer actions, int fd);

  static native int posix_spawn_file_actions_destroy(Pointer actions);

  /** Returns an errno, positive. */
  static native int posix_spawnp(
      int[] pid, byte[] file, Pointer actions, Pointer attributes, Pointer argv, Pointer envp);

  static native int waitpid(int pid, int[] status, int options);

  static native int getgid();
}
