package io.sluice.shell.backup;

import io.sluice.block.ErrnoException;
import java.util.Map;

/** Something that qemu's tools can open, wherever it is at the moment. */
@FunctionalInterface
interface Node {
  /**
   * As {@link Sources} makes it.
   *
   * @throws ErrnoException ENODEV while it is not served
   */
  Map<String, Object> find() throws ErrnoException;
}
