package io.sluice.export;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.List;
import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/** Serves devices to clients in one way. An OSGi service; methods may be called from any thread. */
@ConsumerType
public interface Exporter {
  /** The kind: {@code "nbd"}, {@code "fuse"}. */
  String kind();

  /**
   * Serves a device under one more name. It is there again after a restart, as soon as its live
   * device is.
   *
   * @throws ErrnoException ENODEV for no such device; EEXIST if the name is taken; EINVAL for a
   *     name, a limit or an option that this kind can't use
   */
  ExportInfo add(ExportRequest request) throws ErrnoException;

  /**
   * Changes an export, also one that is served without asking. Clients that are connected stay, and
   * a limit holds for them at once.
   *
   * @throws ErrnoException ENOENT if there is no such export; EINVAL as for {@link #add}; ENOTSUP
   *     if this kind has nothing to change
   */
  default ExportInfo change(ExportChange change) throws ErrnoException {
    throw new ErrnoException(
        Errno.ENOTSUP,
        "export " + change.name() + ": exports of kind " + kind() + " can't be changed");
  }

  /**
   * Takes a name that was added away.
   *
   * @throws ErrnoException ENOENT if there is no such export; EPERM if it is served without asking;
   *     EBUSY, in mode {@link RemovalMode#SAFE}, while clients are connected
   */
  void remove(String name, RemovalMode mode) throws ErrnoException;

  /** Everything that clients can ask for now, what is hidden, and what waits, by name. */
  List<ExportInfo> list();

  /** What holds for all exports of this kind, in the words of {@link #configure}. */
  default Map<String, String> options() {
    return Map.of();
  }

  /**
   * Changes what holds for all exports of this kind. It is kept for a restart.
   *
   * @param options in place of those that are set; empty for what holds by default
   * @throws ErrnoException EINVAL for an option that this kind does not know, or a value it can't
   *     use; ENOTSUP if there is nothing to configure
   */
  default void configure(Map<String, String> options) throws ErrnoException {
    throw new ErrnoException(
        Errno.ENOTSUP, "exports of kind " + kind() + " have nothing to configure");
  }
}
