package io.sluice.blksnap.osgi;

import io.sluice.export.ExportInfo;
import io.sluice.export.Exporter;
import io.sluice.linux.MountedOver;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Finds what is mounted on devices: through the files that exporters serve them as, and the loop
 * devices on these, whoever made them.
 */
final class MountFinder implements FileSystemFreezer.Finder {
  private static final System.Logger LOG = System.getLogger("io.sluice.blksnap");

  private final Supplier<Collection<Exporter>> exporters;

  MountFinder(Supplier<Collection<Exporter>> exporters) {
    this.exporters = exporters;
  }

  @Override
  public List<List<Path>> mountedOn(List<String> devices) {
    Set<Path> files = new HashSet<>();
    for (Exporter exporter : exporters.get()) {
      for (ExportInfo export : exporter.list()) {
        if (devices.contains(export.device())) {
          export.addresses().forEach(address -> addFile(address, files));
        }
      }
    }
    return MountedOver.of(files);
  }

  /** An address that is a path, or its URI; others are of networks. */
  private static void addFile(String address, Set<Path> files) {
    try {
      if (address.startsWith("/")) {
        files.add(MountedOver.kernelPath(Path.of(address)));
      } else if (address.startsWith("file:")) {
        files.add(MountedOver.kernelPath(Path.of(URI.create(address))));
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.log(System.Logger.Level.DEBUG, "nothing is mounted through " + address, e);
    }
  }
}
