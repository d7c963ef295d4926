package io.sluice.shell.backup;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Services;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Brings a device of a backup point back, into a file or onto a live device. */
public final class RestoreJob {
  private final Services services;
  private final Work work;

  /** A restore for one caller. */
  public RestoreJob(Services services, Work work) {
    this.services = services;
    this.work = work;
  }

  /**
   * Restores into a new file of mode 0600. Whatever fails, the file is gone.
   *
   * @param point 0 for the last one
   * @param device its name in the backup; empty if there is only one
   * @throws ErrnoException EEXIST if something is there already
   */
  public BackupFile toFile(
      Path directory, int point, String device, Path target, BackupFormat format, boolean compare)
      throws IOException, ErrnoException {
    try (BackupDirectory opened = BackupDirectory.open(directory)) {
      BackupFile file = opened.point(point, device).file(device);
      try {
        Files.createFile(
            target,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      } catch (FileAlreadyExistsException e) {
        throw new ErrnoException(
            Errno.EEXIST,
            target + ": it is there already; name a new file, or a device by --onto DEV",
            e);
      }
      boolean done = false;
      try {
        ImageCopy copy = copyOf(opened, file, 0);
        copy.toFile(format, target.toString());
        if (compare) {
          copy.compare(format, target.toString());
        }
        done = true;
        return file;
      } finally {
        if (!done) {
          Files.deleteIfExists(target);
        }
      }
    }
  }

  /**
   * Restores over a live device, through its filters.
   *
   * @param onto the device's name
   * @throws ErrnoException EINVAL if it is of another size, EROFS if it is read-only: nothing is
   *     written then
   */
  public BackupFile onto(Path directory, int point, String device, String onto, boolean compare)
      throws IOException, ErrnoException {
    try (BackupDirectory opened = BackupDirectory.open(directory)) {
      BackupFile file = opened.point(point, device).file(device);
      DeviceGeometry geometry = services.devices().info(onto).geometry();
      if (geometry.readOnly()) {
        throw new ErrnoException(Errno.EROFS, "device " + onto + " is read-only");
      }
      if (geometry.sizeBytes() != file.sizeBytes()) {
        throw new ErrnoException(
            Errno.EINVAL,
            String.format(
                "device %s has %d bytes, the backup %d: add a device of that size, or restore into"
                    + " a file",
                onto, geometry.sizeBytes(), file.sizeBytes()));
      }
      QemuTools tools = new QemuTools(opened.path(), work);
      Node live = () -> Exports.find(services, onto);
      copyOf(opened, file, Tries.LIMIT_NANOS).onto(live);
      if (compare) {
        new ImageCopy(onto, tools, tries(Tries.LIMIT_NANOS), work, live, file.sizeBytes(), false)
            .compare(file.format(), Sources.here(file.file()));
      }
      return file;
    }
  }

  private ImageCopy copyOf(BackupDirectory opened, BackupFile file, long limitNanos) {
    return new ImageCopy(
        file.device(),
        new QemuTools(opened.path(), work),
        tries(limitNanos),
        work,
        () -> Sources.file(file.format(), Sources.here(file.file())),
        file.sizeBytes(),
        true);
  }

  private Tries tries(long limitNanos) {
    return new Tries(() -> {}, work, System::nanoTime, limitNanos);
  }
}
