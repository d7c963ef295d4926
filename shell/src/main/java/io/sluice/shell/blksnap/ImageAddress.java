package io.sluice.shell.blksnap;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import java.util.List;

/** Where an image is opened by those who know the original tool, and mount what it prints. */
final class ImageAddress {
  private static final String BLOCK_DEVICES = "loop";
  private static final String FILES = "fuse";

  private ImageAddress() {}

  /**
   * A block device, made now if there is none; where there can be none, a file; else the first
   * address of any kind.
   *
   * @throws ErrnoException ENODEV if it is not exported
   */
  static String of(String image, List<Exporter> exporters) throws ErrnoException {
    ErrnoException refusal = null;
    for (Exporter exporter : exporters) {
      if (exporter.kind().equals(BLOCK_DEVICES)) {
        try {
          String there = find(image, exporter);
          return there != null ? there : first(exporter.add(new ExportRequest(image, "", false)));
        } catch (ErrnoException e) {
          refusal = e;
        }
      }
    }
    String other = find(image, FILES, exporters);
    other = other != null ? other : find(image, "", exporters);
    if (other != null) {
      return other;
    }
    throw refusal != null
        ? refusal
        : new ErrnoException(
            Errno.ENODEV,
            "image "
                + image
                + " is not exported; start the bundle export-loop, export-fuse or export-nbd");
  }

  private static String find(String image, String kind, List<Exporter> exporters) {
    for (Exporter exporter : exporters) {
      if (kind.isEmpty() || exporter.kind().equals(kind)) {
        String found = find(image, exporter);
        if (found != null) {
          return found;
        }
      }
    }
    return null;
  }

  private static String find(String image, Exporter exporter) {
    for (ExportInfo export : exporter.list()) {
      if (export.device().equals(image) && !export.addresses().isEmpty()) {
        return first(export);
      }
    }
    return null;
  }

  private static String first(ExportInfo export) {
    String address = export.addresses().get(0);
    return address.startsWith("file://") ? address.substring("file://".length()) : address;
  }
}
