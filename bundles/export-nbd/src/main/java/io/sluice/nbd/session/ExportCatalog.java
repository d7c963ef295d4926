package io.sluice.nbd.session;

import io.sluice.block.ErrnoException;
import java.util.List;

/** What there is to be had. Thread-safe. */
public interface ExportCatalog {
  /** All exports, by name. */
  List<Export> list();

  /**
   * The export of a name.
   *
   * @param name empty for the default export
   * @throws ErrnoException ENOENT for no such export; ESHUTDOWN if the server is stopping
   */
  Export find(String name) throws ErrnoException;

  /**
   * The export that a client is in already; also one that takes no new clients.
   *
   * @throws ErrnoException as {@link #find}
   */
  default Export findAgain(String name) throws ErrnoException {
    return find(name);
  }
}
