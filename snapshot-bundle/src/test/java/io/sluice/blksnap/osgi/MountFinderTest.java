package io.sluice.blksnap.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import io.sluice.export.RemovalMode;
import io.sluice.linux.testing.LoopDevice;
import io.sluice.linux.testing.SmallFileSystem;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountFinderTest {
  /** Serves devices at fixed addresses. */
  private record Fixed(List<ExportInfo> list) implements Exporter {
    @Override
    public String kind() {
      return "fixed";
    }

    @Override
    public ExportInfo add(ExportRequest request) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void remove(String name, RemovalMode mode) {
      throw new UnsupportedOperationException();
    }
  }

  private static ExportInfo export(String device, String... addresses) {
    return new ExportInfo("fixed", device, device, false, true, 0, List.of(addresses));
  }

  @Test
  void throughTheFileThatADeviceIsServedAs(@TempDir Path directory) throws Exception {
    Path real = directory.toRealPath();
    Path file = real.resolve("disk");
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(16 << 20);
    }
    Exporter exporter =
        new Fixed(
            List.of(
                export("disk", "nbd+unix:///disk?socket=/run/nbd.sock", file.toString()),
                export("by-uri", file.toUri().toString()),
                export("other", real.resolve("other").toString()),
                export("gone", real.resolve("no/such/disk").toString(), "file:not a uri")));
    MountFinder finder = new MountFinder(() -> List.of(exporter));
    try (LoopDevice loop = LoopDevice.over(file);
        SmallFileSystem mounted = SmallFileSystem.ext4(real, loop)) {
      assertEquals(List.of(List.of(mounted.path())), finder.mountedOn(List.of("x", "disk")));
      assertEquals(List.of(List.of(mounted.path())), finder.mountedOn(List.of("by-uri")));
      assertEquals(List.of(), finder.mountedOn(List.of("other", "gone")));
      assertEquals(List.of(), finder.mountedOn(List.of()));
    }
  }
}
