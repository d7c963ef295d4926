package io.sluice.fuse.codec;

/** Numbers of the protocol, as include/uapi/linux/fuse.h and stat.h have them. */
public final class FuseProtocol {
  public static final int MAJOR = 7;

  /** The newest minor version whose flags are known here. */
  public static final int MINOR = 39;

  public static final int LOOKUP = 1;
  public static final int FORGET = 2;
  public static final int GETATTR = 3;
  public static final int SETATTR = 4;
  public static final int SYMLINK = 6;
  public static final int MKNOD = 8;
  public static final int MKDIR = 9;
  public static final int UNLINK = 10;
  public static final int RMDIR = 11;
  public static final int RENAME = 12;
  public static final int LINK = 13;
  public static final int OPEN = 14;
  public static final int READ = 15;
  public static final int WRITE = 16;
  public static final int STATFS = 17;
  public static final int RELEASE = 18;
  public static final int FSYNC = 20;
  public static final int FLUSH = 25;
  public static final int INIT = 26;
  public static final int OPENDIR = 27;
  public static final int READDIR = 28;
  public static final int RELEASEDIR = 29;
  public static final int FSYNCDIR = 30;
  public static final int ACCESS = 34;
  public static final int CREATE = 35;
  public static final int INTERRUPT = 36;
  public static final int DESTROY = 38;
  public static final int BATCH_FORGET = 42;
  public static final int FALLOCATE = 43;
  public static final int READDIRPLUS = 44;
  public static final int RENAME2 = 45;
  public static final int LSEEK = 46;
  public static final int TMPFILE = 51;

  public static final int IN_HEADER_BYTES = 40;
  public static final int OUT_HEADER_BYTES = 16;

  /** Of READ and WRITE; a write's data follow. */
  public static final int IO_ARGUMENT_BYTES = 40;

  public static final int FATTR_MODE = 1;
  public static final int FATTR_UID = 1 << 1;
  public static final int FATTR_GID = 1 << 2;
  public static final int FATTR_SIZE = 1 << 3;
  public static final int FATTR_FH = 1 << 6;

  public static final int FOPEN_DIRECT_IO = 1;
  public static final int FOPEN_KEEP_CACHE = 1 << 1;
  public static final int FOPEN_PARALLEL_DIRECT_WRITES = 1 << 6;

  public static final int ACCESS_MODE_MASK = 3;
  public static final int O_RDONLY = 0;
  public static final int O_DSYNC = 010000;

  public static final int FALLOC_FL_KEEP_SIZE = 1;
  public static final int FALLOC_FL_PUNCH_HOLE = 2;
  public static final int FALLOC_FL_ZERO_RANGE = 0x10;

  public static final int SEEK_DATA = 3;
  public static final int SEEK_HOLE = 4;

  public static final int S_IFDIR = 0040000;
  public static final int S_IFREG = 0100000;

  /** No such address: SEEK_DATA or SEEK_HOLE past the end. */
  public static final int ENXIO = 6;

  /** The kernel need not ask for this again. */
  public static final int ENOSYS = 38;

  private FuseProtocol() {}
}
