package io.sluice.fuse.codec;

/**
 * What the kernel and this agent agree on.
 *
 * @param minor the protocol's minor version
 * @param maxReadaheadBytes as the kernel offered
 * @param flags what both can do, the second word of flags in the upper half
 */
public record Init(int minor, int maxReadaheadBytes, long flags) {
  static final long ASYNC_READ = 1;
  static final long BIG_WRITES = 1 << 5;
  static final long READDIRPLUS = 1 << 13;
  static final long READDIRPLUS_AUTO = 1 << 14;
  static final long ASYNC_DIO = 1 << 15;
  static final long PARALLEL_DIROPS = 1 << 18;
  static final long HANDLE_KILLPRIV = 1 << 19;
  static final long ABORT_ERROR = 1 << 21;
  static final long MAX_PAGES = 1 << 22;
  static final long INIT_EXT = 1 << 30;
  static final long DIRECT_IO_ALLOW_MMAP = 1L << 36;

  /**
   * What is wanted. Not: writes kept back in the page cache, since a live device has other clients;
   * O_TRUNC with the open, after which the kernel takes a file for empty that never is; splice.
   */
  private static final long WANTED =
      ASYNC_READ
          | BIG_WRITES
          | READDIRPLUS
          | READDIRPLUS_AUTO
          | ASYNC_DIO
          | PARALLEL_DIROPS
          | HANDLE_KILLPRIV
          | ABORT_ERROR
          | MAX_PAGES
          | INIT_EXT
          | DIRECT_IO_ALLOW_MMAP;

  /**
   * Agrees to a kernel's INIT.
   *
   * @throws MalformedRequestException if it is another protocol, or too old
   */
  public static Init agree(Request request) throws MalformedRequestException {
    if (request.opcode() != FuseProtocol.INIT) {
      throw new MalformedRequestException(
          "operation " + request.opcode() + " where INIT has to come first");
    }
    if (request.major() != FuseProtocol.MAJOR || request.minor() < FuseLimits.MINOR_MIN) {
      throw new MalformedRequestException(
          "the kernel speaks FUSE "
              + request.major()
              + "."
              + request.minor()
              + ", and 7."
              + FuseLimits.MINOR_MIN
              + " (Linux 5.4) is the oldest that can be used");
    }
    return new Init(
        Math.min(request.minor(), FuseProtocol.MINOR),
        request.maxReadaheadBytes(),
        request.capabilities() & WANTED);
  }

  /** Whether files without a cache can be mapped for sharing. */
  public boolean mapsDirectFiles() {
    return (flags & DIRECT_IO_ALLOW_MMAP) != 0;
  }
}
