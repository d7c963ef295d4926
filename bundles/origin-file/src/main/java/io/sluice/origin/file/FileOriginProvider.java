package io.sluice.origin.file;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.BlockSysfs;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileStatus;
import io.sluice.linux.OwnMounts;
import io.sluice.linux.SteadyChannel;
import io.sluice.linux.SystemErrors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Opens regular files and block special files, each held exclusively in three ways: by a table of
 * this provider (one origin per file in a process), by a lock on the open file, which QEMU respects
 * as well, and for block devices by the kernel's exclusive claim, which mounts respect.
 */
public final class FileOriginProvider implements OriginProvider {
  private static final int BLOCK_SIZE_MIN_BYTES = 512;
  private static final int PREFERRED_MIN_BYTES = 4096;
  private static final int PREFERRED_MAX_BYTES = 65536;
  private static final Pattern SCHEME = Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]*://.*");

  private final Map<StorageIdentity, String> held = new ConcurrentHashMap<>();
  private final Alarm alarm;
  private final OwnMounts ownMounts;

  /**
   * @param alarm tells when a file's size is worth another look
   */
  public FileOriginProvider(Alarm alarm) {
    this(alarm, OwnMounts.none());
  }

  /**
   * @param alarm as above
   * @param ownMounts what this agent serves, on which no origin of it may lie
   */
  public FileOriginProvider(Alarm alarm, OwnMounts ownMounts) {
    this.alarm = alarm;
    this.ownMounts = ownMounts;
  }

  /** Accepts whatever is not of the form {@code scheme://}; so a path's errors are told in open. */
  @Override
  public boolean accepts(String path) {
    return !path.isEmpty() && !SCHEME.matcher(path).matches();
  }

  @Override
  public OriginDevice open(String path, OriginOptions options) throws ErrnoException {
    Path file = parse(path);
    checkBlockSize(options.blockSizeBytes(), path);
    FileStatus expected = FileStatus.of(file, "open " + path);
    // Before it is opened, which alone has effects on some special files.
    checkKind(expected, path);
    ownMounts.check(realPath(file, path), expected, "open " + path);
    ControlDescriptor control = openControl(file, expected.block(), options);
    StorageIdentity claimed = null;
    try {
      FileStatus status = control.status();
      checkKind(status, path);
      StorageIdentity identity = status.identity();
      String other = held.putIfAbsent(identity, path);
      if (other != null) {
        throw new ErrnoException(
            Errno.EBUSY, "open " + path + ": this agent has it open already, as " + other);
      }
      claimed = identity;
      checkWritable(control, status, path, options);
      lock(control, path, options.readOnly());
      return open(file, path, options, status, control);
    } catch (ErrnoException | RuntimeException e) {
      if (claimed != null) {
        held.remove(claimed);
      }
      closeQuietly(control, e);
      throw e;
    }
  }

  private FileOrigin open(
      Path file, String path, OriginOptions options, FileStatus status, ControlDescriptor control)
      throws ErrnoException {
    int storeBlockBytes = storeBlockBytes(file);
    int leastBytes = status.block() ? control.logicalSectorSizeBytes() : 1;
    if (options.direct()) {
      leastBytes = Math.max(Math.max(leastBytes, storeBlockBytes), BLOCK_SIZE_MIN_BYTES);
    }
    int alignmentBytes = options.direct() ? leastBytes : 0;
    int physicalBytes = status.block() ? control.physicalSectorSizeBytes() : storeBlockBytes;
    DeviceGeometry geometry =
        geometry(path, options, status, control.sizeBytes(), leastBytes, physicalBytes);
    SteadyChannel channel = openChannel(control, path, options, alignmentBytes);
    StorageIdentity identity = status.identity();
    return new FileOrigin(
        path,
        status,
        control,
        channel,
        new OriginGeometry(path, control, geometry, alarm),
        status.block() ? new BlockRanges(control) : new FileRanges(control),
        status.block() ? null : new ExtentScan(control),
        options.direct() ? new BounceBuffers(alignmentBytes) : null,
        () -> held.remove(identity));
  }

  private static Path parse(String path) throws ErrnoException {
    try {
      if (!path.isEmpty()) {
        return Path.of(path);
      }
    } catch (InvalidPathException e) {
      throw new ErrnoException(
          Errno.EINVAL, "open " + path + ": not a path (" + e.getReason() + ")", e);
    }
    throw new ErrnoException(
        Errno.EINVAL, "open: the path is empty; name a regular file or a block special file");
  }

  /** Without links; of a file whose name is gone, where that was: /proc/self/fd leads to such. */
  private static Path realPath(Path file, String path) throws ErrnoException {
    try {
      return file.toRealPath();
    } catch (NoSuchFileException e) {
      return nameOf(file, path);
    } catch (IOException e) {
      throw SystemErrors.failure(e, "open " + path);
    }
  }

  private static Path nameOf(Path link, String path) throws ErrnoException {
    try {
      return link.resolveSibling(Files.readSymbolicLink(link));
    } catch (IOException e) {
      throw SystemErrors.failure(e, "open " + path);
    }
  }

  private static void checkBlockSize(int blockSizeBytes, String path) throws ErrnoException {
    boolean valid =
        blockSizeBytes == 0
            || (Integer.bitCount(blockSizeBytes) == 1
                && blockSizeBytes >= BLOCK_SIZE_MIN_BYTES
                && blockSizeBytes <= DeviceGeometry.BLOCK_SIZE_MAX_BYTES);
    if (!valid) {
      throw new ErrnoException(
          Errno.EINVAL,
          "open "
              + path
              + ": block size "
              + blockSizeBytes
              + " is not a power of two from 512 to 65536");
    }
  }

  private static void checkKind(FileStatus status, String path) throws ErrnoException {
    if (status.regular() || status.block()) {
      return;
    }
    throw new ErrnoException(
        status.directory() ? Errno.EISDIR : Errno.EINVAL,
        "open "
            + path
            + ": it is "
            + status.kind()
            + "; name a regular file (a raw disk image) or a block special file");
  }

  private static ControlDescriptor openControl(Path file, boolean block, OriginOptions options)
      throws ErrnoException {
    try {
      return ControlDescriptor.open(file, !options.readOnly(), block);
    } catch (ErrnoException e) {
      String advice =
          switch (e.errno()) {
            case EBUSY ->
                "; it is mounted or claimed by another program (lsblk tells): release it first";
            case EACCES, EPERM, EROFS ->
                options.readOnly()
                    ? "; run as a user who may read it"
                    : "; add it with --read-only, or run as a user who may write to it";
            default -> "";
          };
      throw advice.isEmpty() ? e : new ErrnoException(e.errno(), e.text() + advice, e);
    }
  }

  /** The kernel lets a read-only device be opened for writing, and fails each write. */
  private static void checkWritable(
      ControlDescriptor control, FileStatus status, String path, OriginOptions options)
      throws ErrnoException {
    if (status.block() && !options.readOnly() && control.readOnlyDevice()) {
      throw new ErrnoException(
          Errno.EROFS, "open " + path + ": the device is read-only; add it with --read-only");
    }
  }

  private static void lock(ControlDescriptor control, String path, boolean shared)
      throws ErrnoException {
    if (shared ? control.lockShared() : control.lockExclusive()) {
      return;
    }
    throw new ErrnoException(
        Errno.EBUSY,
        "open "
            + path
            + ": another program has it locked"
            + (shared ? " for writing" : "")
            + " (lslocks and lsof tell which); stop that first");
  }

  /** The unit of the file system's space, which the JDK also demands of direct I/O. */
  private static int storeBlockBytes(Path file) {
    try {
      long bytes = Files.getFileStore(file).getBlockSize();
      boolean usable = Long.bitCount(bytes) == 1 && bytes <= DeviceGeometry.BLOCK_SIZE_MAX_BYTES;
      return usable ? (int) bytes : PREFERRED_MIN_BYTES;
    } catch (IOException | UnsupportedOperationException e) {
      // Not every mount can be found by name, as in a chroot; nearly all have this size.
      return PREFERRED_MIN_BYTES;
    }
  }

  private static DeviceGeometry geometry(
      String path,
      OriginOptions options,
      FileStatus status,
      long sizeBytes,
      int leastBytes,
      int physicalBytes)
      throws ErrnoException {
    int blockSizeBytes = options.blockSizeBytes() == 0 ? leastBytes : options.blockSizeBytes();
    if (blockSizeBytes < leastBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "open "
              + path
              + ": block size "
              + blockSizeBytes
              + " is below the "
              + leastBytes
              + (options.direct() ? " that direct I/O needs here" : " of the device's sectors"));
    }
    if (sizeBytes % blockSizeBytes != 0) {
      throw new ErrnoException(
          Errno.EINVAL, unevenSize(path, options, status, sizeBytes, blockSizeBytes));
    }
    int preferred = Math.max(PREFERRED_MIN_BYTES, Math.min(physicalBytes, PREFERRED_MAX_BYTES));
    return new DeviceGeometry(
        sizeBytes,
        blockSizeBytes,
        Math.max(blockSizeBytes, Integer.highestOneBit(preferred)),
        options.readOnly(),
        BlockSysfs.rotational(status.block() ? status.device() : status.fileSystem()),
        OriginGeometry.ops(options.readOnly()));
  }

  private static String unevenSize(
      String path, OriginOptions options, FileStatus status, long sizeBytes, int blockSizeBytes) {
    String without = options.direct() ? "--direct" : "--block-size";
    String text =
        "open "
            + path
            + ": its size of "
            + sizeBytes
            + " bytes is not a multiple of the block size "
            + blockSizeBytes
            + "; add it without "
            + without;
    return status.block()
        ? text
        : text + ", or lengthen it: truncate -s %" + blockSizeBytes + " " + path;
  }

  private static SteadyChannel openChannel(
      ControlDescriptor control, String path, OriginOptions options, int alignmentBytes)
      throws ErrnoException {
    try {
      return new SteadyChannel(control, path, !options.readOnly(), alignmentBytes);
    } catch (ErrnoException e) {
      if (options.direct() && (e.errno() == Errno.EINVAL || e.errno() == Errno.ENOTSUP)) {
        throw new ErrnoException(
            Errno.EINVAL,
            "open " + path + ": its file system has no direct I/O; add it without --direct",
            e);
      }
      throw e;
    }
  }

  private static void closeQuietly(ControlDescriptor control, Exception because) {
    try {
      control.close();
    } catch (ErrnoException e) {
      because.addSuppressed(e);
    }
  }
}
