package io.sluice.nbd.server;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.Exporter;
import io.sluice.export.RemovalMode;
import io.sluice.nbd.session.Export;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** The control side of the NBD server. */
public final class NbdExporter implements Exporter {
  private static final String KIND = "nbd";

  /** Clients that a refusal names; it counts the others. */
  private static final int CLIENTS_NAMED_MAX = 10;

  private final ExportTable table;
  private final ConfiguredExports configured;
  private final Access access;
  private final NbdServer server;

  /** Controls {@code server}, which serves {@code table}. */
  public NbdExporter(
      ExportTable table, ConfiguredExports configured, Access access, NbdServer server) {
    this.table = table;
    this.access = access;
    this.configured = configured;
    this.server = server;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public ExportInfo add(ExportRequest request) throws ErrnoException {
    ExportTable.Entry added = table.add(request);
    configured.keep(added);
    return info(added);
  }

  @Override
  public ExportInfo change(ExportChange change) throws ErrnoException {
    ExportTable.Entry changed = table.change(change);
    configured.keep(changed);
    return info(changed);
  }

  @Override
  public void remove(String name, RemovalMode mode) throws ErrnoException {
    if (table.entry(name) == null && configured.forget(name)) {
      return;
    }
    ExportTable.Entry entry = table.removable(name);
    Export export = entry.export();
    if (mode == RemovalMode.SAFE) {
      refuseWhileInUse(export);
    }
    table.hide(name, true);
    if (mode == RemovalMode.SAFE) {
      try {
        // Whoever entered between the look and the hiding is seen now; later ones are refused.
        refuseWhileInUse(export);
      } catch (ErrnoException e) {
        table.hide(name, entry.hidden());
        throw e;
      }
    }
    boolean unused = configured.forget(name);
    if (mode == RemovalMode.HIDE) {
      server.removeUnusedHidden();
      return;
    }
    table.remove(name);
    if (mode == RemovalMode.SOFT) {
      server.endSessions(export::isSame);
    } else if (mode == RemovalMode.HARD) {
      server.cutSessions(export::isSame);
    }
  }

  private void refuseWhileInUse(Export export) throws ErrnoException {
    List<String> peers = server.peers(export::isSame);
    if (!peers.isEmpty()) {
      int more = peers.size() - CLIENTS_NAMED_MAX;
      throw new ErrnoException(
          Errno.EBUSY,
          "export "
              + export.name()
              + ": in use by "
              + String.join(", ", peers.subList(0, Math.min(peers.size(), CLIENTS_NAMED_MAX)))
              + (more > 0 ? " and " + more + " more" : "")
              + "; disconnect, or remove it in mode hide, soft or hard");
    }
  }

  @Override
  public List<ExportInfo> list() {
    server.removeUnusedHidden();
    List<ExportInfo> all = new ArrayList<>();
    table.entries().forEach(entry -> all.add(info(entry)));
    configured.waiting().forEach(setup -> all.add(info(setup)));
    all.sort(Comparator.comparing(ExportInfo::name));
    return List.copyOf(all);
  }

  @Override
  public Map<String, String> options() {
    return access.options();
  }

  @Override
  public void configure(Map<String, String> options) throws ErrnoException {
    access.configure(options);
    configured.keepCommon(options);
  }

  private ExportInfo info(ExportTable.Entry entry) {
    Export export = entry.export();
    return new ExportInfo(
        KIND,
        export.name(),
        entry.deviceName(),
        export.description(),
        export.readOnly() || export.device().geometry().readOnly(),
        entry.automatic(),
        entry.hidden() ? ExportState.HIDDEN : ExportState.SERVED,
        export.throttle().limit(),
        entry.request().options(),
        server.peers(export::isSame).size(),
        server.addresses(export.name()));
  }

  private static ExportInfo info(ExportSetup setup) {
    ExportRequest request = setup.request();
    return new ExportInfo(
        KIND,
        request.name(),
        request.device(),
        request.description(),
        request.readOnly(),
        setup.automatic(),
        ExportState.WAITING,
        request.limit(),
        request.options(),
        0,
        List.of());
  }
}
