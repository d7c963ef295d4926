package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.DeviceTable;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotDeviceInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** What the words DEV, SNAP and DEVICE-OR-IMAGE of a caller mean. */
public final class Names {
  private static final String BASE_SEPARATOR = "..";

  private final Services services;
  private final Session session;

  /** Names as this session means them. */
  public Names(Services services, Session session) {
    this.services = services;
    this.session = session;
  }

  /**
   * The live device of a name, or of a path that leads to it, relative to the caller's directory.
   *
   * @throws ErrnoException ENODEV if it leads to none
   */
  public String device(String word) throws ErrnoException {
    DeviceTable table = services.devices();
    if (word.contains("/")) {
      return table.resolve(session.path(word));
    }
    try {
      return table.resolve(word);
    } catch (ErrnoException unknown) {
      // No such name; a file of that name in the caller's directory may be meant.
      try {
        return table.resolve(session.path(word));
      } catch (ErrnoException e) {
        unknown.addSuppressed(e);
        throw unknown;
      }
    }
  }

  /** {@link #device} of each word, in order. */
  public List<String> devices(List<String> words) throws ErrnoException {
    List<String> names = new ArrayList<>();
    for (String word : words) {
      names.add(device(word));
    }
    return names;
  }

  /**
   * The snapshot of an id or a name.
   *
   * @throws ErrnoException ESRCH, EINVAL as {@link SnapshotControl#resolve}
   */
  public UUID snapshot(String word) throws ErrnoException {
    return services.snapshots().resolve(word);
  }

  /**
   * The block device of a device's name or path, or of {@code DEV@SNAP} with SNAP an id or a name,
   * or such an image with its changes, {@code DEV@SNAP..BASE}, whose BASE is passed on as it is.
   *
   * @throws ErrnoException ENODEV if there is none
   */
  public String deviceOrImage(String word) throws ErrnoException {
    int at = word.lastIndexOf('@');
    if (at < 0) {
      return device(word);
    }
    try {
      return device(word);
    } catch (ErrnoException notADevice) {
      return image(word, device(word.substring(0, at)), word.substring(at + 1));
    }
  }

  private String image(String word, String device, String rest) throws ErrnoException {
    try {
      return image(word, device, snapshot(rest));
    } catch (ErrnoException notASnapshot) {
      // A snapshot's name may have two dots in it: the longest that there is.
      int dots = rest.lastIndexOf(BASE_SEPARATOR);
      while (dots > 0) {
        UUID snapshot = snapshotOrNull(rest.substring(0, dots));
        if (snapshot != null) {
          return image(word, device, snapshot) + rest.substring(dots);
        }
        dots = rest.lastIndexOf(BASE_SEPARATOR, dots - 1);
      }
      throw notASnapshot;
    }
  }

  private UUID snapshotOrNull(String word) {
    try {
      return snapshot(word);
    } catch (ErrnoException e) {
      return null;
    }
  }

  private String image(String word, String device, UUID snapshot) throws ErrnoException {
    for (SnapshotDeviceInfo info : services.snapshots().info(snapshot).devices()) {
      if (info.device().equals(device) && !info.image().isEmpty()) {
        return info.image();
      }
    }
    throw new ErrnoException(
        Errno.ENODEV,
        "image \"" + word + "\": the snapshot has no image of " + device + "; take it first");
  }
}
