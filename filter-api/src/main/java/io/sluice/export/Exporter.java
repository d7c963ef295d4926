package io.sluice.export;

import io.sluice.block.ErrnoException;
import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/** Serves devices to clients in one way. An OSGi service; methods may be called from any thread. */
@ConsumerType
public interface Exporter {
  /** The kind: {@code "nbd"}, {@code "fuse"}. */
  String kind();

  /**
   * Serves a device under one more name.
   *
   * @throws ErrnoException ENODEV for no such device; EEXIST if the name is taken; EINVAL for a
   *     name this kind can't use
   */
  ExportInfo add(ExportRequest request) throws ErrnoException;

  /**
   * Takes a name that was added away; its clients finish their requests and are let go.
   *
   * @throws ErrnoException ENOENT if there is no such export; EPERM if it is served without asking
   */
  void remove(String name) throws ErrnoException;

  /** Everything that clients can ask for now, by name. */
  List<ExportInfo> list();
}
