package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.Exporter;
import io.sluice.shell.tool.Services;
import java.util.Map;

/** Where the agent's own NBD socket serves a device or an image. */
final class Exports {
  private static final String UNIX = "nbd+unix:";

  private Exports() {}

  /**
   * The node of a device or an image.
   *
   * @throws ErrnoException ENODEV if it is not served at the moment
   */
  static Map<String, Object> find(Services services, String device) throws ErrnoException {
    for (Exporter exporter : services.exporters()) {
      for (ExportInfo export : exporter.list()) {
        if (export.automatic() && export.device().equals(device)) {
          for (String address : export.addresses()) {
            if (address.startsWith(UNIX)) {
              return Sources.nbd(address);
            }
          }
        }
      }
    }
    throw new ErrnoException(
        Errno.ENODEV,
        device + " is not on the agent's NBD socket; is the bundle export-nbd running?");
  }
}
