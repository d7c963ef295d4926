package io.sluice.fuse.mount;

import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import io.sluice.export.RemovalMode;
import java.util.List;

/** The control side of the mounts. */
public final class FuseExporter implements Exporter {
  private final FuseExports exports;

  /** Controls {@code exports}. */
  public FuseExporter(FuseExports exports) {
    this.exports = exports;
  }

  @Override
  public String kind() {
    return FuseExports.KIND;
  }

  @Override
  public ExportInfo add(ExportRequest request) throws ErrnoException {
    return exports.add(request);
  }

  @Override
  public void remove(String name, RemovalMode mode) throws ErrnoException {
    exports.remove(name, mode);
  }

  @Override
  public List<ExportInfo> list() {
    return exports.list();
  }
}
