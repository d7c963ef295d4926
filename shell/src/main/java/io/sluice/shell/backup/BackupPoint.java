package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Several devices as they were at one instant.
 *
 * @param point its number in the directory, from 1
 * @param takenAt the moment of the cut
 * @param files a file for each device
 */
public record BackupPoint(int point, Instant takenAt, List<BackupFile> files) {
  /** Copies the list. */
  public BackupPoint {
    files = List.copyOf(files);
  }

  /** The file of a device, if it is in this point. */
  public Optional<BackupFile> of(String device) {
    return files.stream().filter(file -> file.device().equals(device)).findFirst();
  }

  /**
   * The only file, or that of the device named.
   *
   * @param device a name, or empty
   * @throws ErrnoException ENOENT if the device is not in the point; EINVAL if one must be named
   */
  public BackupFile file(String device) throws ErrnoException {
    if (device.isEmpty() && files.size() == 1) {
      return files.get(0);
    }
    List<String> there = files.stream().map(BackupFile::device).toList();
    if (device.isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, "point " + point + " has the devices " + there + ": name one by --device");
    }
    return of(device)
        .orElseThrow(
            () ->
                new ErrnoException(
                    Errno.ENOENT,
                    "point " + point + " has no device " + device + ", but " + there));
  }
}
