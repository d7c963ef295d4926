package io.sluice.diffstore.file.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.FileStatus;
import io.sluice.linux.OwnMounts;
import io.sluice.linux.StorageStack;
import io.sluice.linux.SystemErrors;
import io.sluice.swap.HandOver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * Opens stores of two kinds: {@code file:PATH}, a regular file that is there or is made, locked and
 * left in place at the end; and {@code dir:PATH}, a file without a name in that directory, which
 * nobody else can open and which vanishes even if the agent is killed.
 */
public final class FileDiffStoreProvider implements DiffStoreProvider {
  static final String FILE = "file";
  static final String DIRECTORY = "dir";

  private final OwnMounts ownMounts;

  /** In a process that serves nothing. */
  public FileDiffStoreProvider() {
    this(OwnMounts.none());
  }

  /**
   * @param ownMounts what this agent serves, on which no store of it may lie
   */
  public FileDiffStoreProvider(OwnMounts ownMounts) {
    this.ownMounts = ownMounts;
  }

  @Override
  public Set<String> kinds() {
    return Set.of(FILE, DIRECTORY);
  }

  @Override
  public DiffStore open(String kind, String argument) throws ErrnoException {
    return switch (kind) {
      case FILE -> openFile(parse(kind, argument));
      case DIRECTORY -> openUnnamed(parse(kind, argument));
      default ->
          throw new ErrnoException(
              Errno.EINVAL, "store kind " + kind + ": not served here, only file and dir are");
    };
  }

  @Override
  public DiffStore takeOver(HandOver handOver) throws ErrnoException {
    return FileDiffStore.takeOver(handOver);
  }

  private static Path parse(String kind, String argument) throws ErrnoException {
    if (argument.isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, "store " + kind + ": the path is empty; write " + kind + ":PATH");
    }
    try {
      return Path.of(argument);
    } catch (InvalidPathException e) {
      throw new ErrnoException(
          Errno.EINVAL,
          "store " + kind + ":" + argument + ": not a path (" + e.getReason() + ")",
          e);
    }
  }

  private DiffStore openFile(Path path) throws ErrnoException {
    String what = "store file:" + path;
    boolean exists = Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    if (exists) {
      // Before it is opened, which alone has effects on some special files.
      checkRegular(FileStatus.of(path, what), what);
    }
    ControlDescriptor control = openOrCreate(path, exists, what);
    try {
      FileStatus status = control.status();
      checkRegular(status, what);
      if (!control.lockExclusive()) {
        throw new ErrnoException(
            Errno.EBUSY,
            what
                + ": another store, origin or program has it locked (lslocks and lsof tell which);"
                + " name another file");
      }
      Path real = realPath(path, what);
      ownMounts.check(real, status, what);
      return FileDiffStore.of(control, "file " + real, StorageStack.of(real, status));
    } catch (ErrnoException | RuntimeException e) {
      closeQuietly(control, e);
      if (!exists) {
        deleteQuietly(path, e);
      }
      throw e;
    }
  }

  private static ControlDescriptor openOrCreate(Path path, boolean exists, String what)
      throws ErrnoException {
    try {
      return exists ? ControlDescriptor.open(path, true, false) : ControlDescriptor.create(path);
    } catch (ErrnoException e) {
      String advice =
          switch (e.errno()) {
            case ENOENT -> "; make its directory first";
            case EACCES, EPERM, EROFS -> "; name a file that this user may write to";
            default -> "";
          };
      throw new ErrnoException(e.errno(), what + ": " + e.text() + advice, e);
    }
  }

  private static void checkRegular(FileStatus status, String what) throws ErrnoException {
    if (status.regular()) {
      return;
    }
    if (status.directory()) {
      throw new ErrnoException(
          Errno.EISDIR, what + ": it is a directory; dir:PATH keeps an unnamed file in one");
    }
    throw new ErrnoException(
        Errno.EINVAL, what + ": it is " + status.kind() + "; name a regular file, or a new one");
  }

  private DiffStore openUnnamed(Path path) throws ErrnoException {
    String what = "store dir:" + path;
    FileStatus directory = FileStatus.of(path, what);
    if (!directory.directory()) {
      throw new ErrnoException(
          Errno.ENOTDIR,
          what + ": it is " + directory.kind() + "; name a directory, or use file:PATH");
    }
    Path real = realPath(path, what);
    ownMounts.check(real, directory, what);
    ControlDescriptor control = createUnnamed(real, what);
    try {
      return FileDiffStore.of(
          control, "unnamed file in " + real, StorageStack.of(real, control.status()));
    } catch (ErrnoException | RuntimeException e) {
      closeQuietly(control, e);
      throw e;
    }
  }

  private static ControlDescriptor createUnnamed(Path directory, String what)
      throws ErrnoException {
    try {
      return ControlDescriptor.createUnnamed(directory);
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ENOTSUP) {
        return createAndUnlink(directory, what);
      }
      boolean forbidden = e.errno() == Errno.EACCES || e.errno() == Errno.EROFS;
      String advice = forbidden ? "; name a directory that this user may write to" : "";
      throw new ErrnoException(e.errno(), what + ": " + e.text() + advice, e);
    }
  }

  /** For file systems without O_TMPFILE, such as NFS and some FUSE ones. */
  static ControlDescriptor createAndUnlink(Path directory, String what) throws ErrnoException {
    Path named;
    try {
      var ownerOnly = PosixFilePermissions.fromString("rw-------");
      named =
          Files.createTempFile(
              directory, ".sluice-", ".diff", PosixFilePermissions.asFileAttribute(ownerOnly));
    } catch (IOException e) {
      throw SystemErrors.failure(e, what);
    }
    ControlDescriptor control;
    try {
      control = ControlDescriptor.open(named, true, false);
    } catch (ErrnoException e) {
      deleteQuietly(named, e);
      throw e;
    }
    try {
      Files.delete(named);
      return control;
    } catch (IOException e) {
      ErrnoException failure = SystemErrors.failure(e, what + ": unlink of " + named);
      closeQuietly(control, failure);
      throw failure;
    }
  }

  private static Path realPath(Path path, String what) throws ErrnoException {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      throw SystemErrors.failure(e, what);
    }
  }

  private static void closeQuietly(ControlDescriptor control, Exception because) {
    try {
      control.close();
    } catch (ErrnoException e) {
      because.addSuppressed(e);
    }
  }

  private static void deleteQuietly(Path path, Exception because) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      because.addSuppressed(e);
    }
  }
}
