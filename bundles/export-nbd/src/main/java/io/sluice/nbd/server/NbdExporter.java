package io.sluice.nbd.server;

import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import java.util.List;

/** The control side of the NBD server. */
public final class NbdExporter implements Exporter {
  private static final String KIND = "nbd";

  private final ExportTable table;
  private final NbdServer server;

  /** Controls {@code server}, which serves {@code table}. */
  public NbdExporter(ExportTable table, NbdServer server) {
    this.table = table;
    this.server = server;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public ExportInfo add(ExportRequest request) throws ErrnoException {
    return info(table.add(request));
  }

  @Override
  public void remove(String name) throws ErrnoException {
    ExportTable.Entry removed = table.remove(name);
    server.endSessions(removed.export()::equals);
  }

  @Override
  public List<ExportInfo> list() {
    return table.entries().stream().map(this::info).toList();
  }

  private ExportInfo info(ExportTable.Entry entry) {
    String name = entry.export().name();
    return new ExportInfo(
        KIND,
        name,
        entry.deviceName(),
        entry.export().readOnly() || entry.export().device().geometry().readOnly(),
        entry.automatic(),
        server.clientCount(name),
        server.addresses(name));
  }
}
