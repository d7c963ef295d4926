package io.sluice.diffstore.blockdev.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.linux.BlockUsers;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileStatus;
import io.sluice.linux.OwnMounts;
import io.sluice.linux.StorageStack;
import io.sluice.linux.SystemErrors;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * Opens stores of the kind {@code blockdev:PATH}, each on a block device that nobody else has. What
 * is on the device is lost.
 */
public final class BlockdevDiffStoreProvider implements DiffStoreProvider {
  static final String KIND = "blockdev";

  private final OwnMounts ownMounts;

  /** In a process that serves nothing. */
  public BlockdevDiffStoreProvider() {
    this(OwnMounts.none());
  }

  /**
   * @param ownMounts what this agent serves, on which no store of it may lie
   */
  public BlockdevDiffStoreProvider(OwnMounts ownMounts) {
    this.ownMounts = ownMounts;
  }

  @Override
  public Set<String> kinds() {
    return Set.of(KIND);
  }

  @Override
  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
    return BlockdevDiffStore.takeOver(handOver);
  }

  @Override
  public DiffStore open(String kind, String argument) throws ErrnoException {
    String what = "store " + kind + ":" + argument;
    if (!kind.equals(KIND)) {
      throw new ErrnoException(Errno.EINVAL, what + ": not served here, only " + KIND + " is");
    }
    Path path = realPath(argument, what);
    // Before it is opened, which alone has effects on some special files.
    FileStatus status = checkBlock(FileStatus.of(path, what), what);
    ownMounts.check(path, status, what);
    ControlDescriptor control = claim(path, status, what);
    try {
      checkBlock(control.status(), what);
      if (control.readOnlyDevice()) {
        throw new ErrnoException(
            Errno.EROFS, what + ": the device takes no writes; blockdev --setrw, or use another");
      }
      long sizeBytes = control.sizeBytes();
      if (sizeBytes == 0) {
        throw new ErrnoException(Errno.EINVAL, what + ": the device has no sectors");
      }
      List<StorageIdentity> identities = StorageStack.ofDevice(control.status());
      return new BlockdevDiffStore(control, "block device " + path, identities, sizeBytes);
    } catch (ErrnoException | RuntimeException e) {
      closeQuietly(control, e);
      throw e;
    }
  }

  private static Path realPath(String argument, String what) throws ErrnoException {
    if (argument.isEmpty()) {
      throw new ErrnoException(Errno.EINVAL, what + ": the path is empty; write blockdev:PATH");
    }
    try {
      return Path.of(argument).toRealPath();
    } catch (InvalidPathException e) {
      throw new ErrnoException(Errno.EINVAL, what + ": not a path (" + e.getReason() + ")", e);
    } catch (IOException e) {
      throw SystemErrors.failure(e, what);
    }
  }

  private static FileStatus checkBlock(FileStatus status, String what) throws ErrnoException {
    if (status.block()) {
      return status;
    }
    String advice =
        status.regular()
            ? "file:PATH keeps a store in one"
            : status.directory() ? "dir:PATH keeps an unnamed file in one" : "name a block device";
    throw new ErrnoException(Errno.EINVAL, what + ": it is " + status.kind() + "; " + advice);
  }

  private static ControlDescriptor claim(Path path, FileStatus status, String what)
      throws ErrnoException {
    try {
      return ControlDescriptor.open(path, true, true);
    } catch (ErrnoException e) {
      String advice =
          switch (e.errno()) {
            case EBUSY -> "; " + users(status) + ": release it first, or name another device";
            case EACCES, EPERM, EROFS -> "; name a device that this user may write to";
            default -> "";
          };
      throw new ErrnoException(e.errno(), what + ": " + e.text() + advice, e);
    }
  }

  private static String users(FileStatus status) {
    List<String> users = BlockUsers.of(status.device());
    return users.isEmpty()
        ? "another store, origin or program has claimed it (lsblk and lsof tell which)"
        : "it is " + String.join(", ", users);
  }

  private static void closeQuietly(ControlDescriptor control, Exception because) {
    try {
      control.close();
    } catch (ErrnoException e) {
      because.addSuppressed(e);
    }
  }
}
