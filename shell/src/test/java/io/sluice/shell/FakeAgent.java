package io.sluice.shell;

import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.Exporter;
import io.sluice.export.RemovalMode;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Frozen;
import io.sluice.filter.LatencySummary;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import io.sluice.shell.tool.Services;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.swap.BundleSwap;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.osgi.framework.BundleContext;

/** An agent in memory: services that keep records and answer with the contract's errors. */
public final class FakeAgent implements Services {
  /** A device of a power of two. */
  public static final long SIZE_BYTES = 64L << 20;

  /** Set to take a service away, as if its bundle were stopped. */
  public volatile boolean snapshotsAreGone;

  public final Devices devices = new Devices();
  public final Filters filters = new Filters();
  public final FakeSnapshots snapshots = new FakeSnapshots(this);
  public final List<Exporter> exporters = new ArrayList<>(List.of(new Nbd()));

  @Override
  public DeviceTable devices() {
    return devices;
  }

  @Override
  public FilterRegistry filters() {
    return filters;
  }

  @Override
  public SnapshotControl snapshots() throws ErrnoException {
    if (snapshotsAreGone) {
      throw new ErrnoException(Errno.ENODEV, "no snapshots: the snapshot bundle is not running");
    }
    return snapshots;
  }

  @Override
  public ChangeTracking tracking() throws ErrnoException {
    snapshots();
    return snapshots;
  }

  @Override
  public List<Exporter> exporters() {
    return exporters;
  }

  @Override
  public Optional<BundleSwap> swap() {
    return Optional.empty();
  }

  @Override
  public BundleContext framework() throws ErrnoException {
    throw new ErrnoException(Errno.ENODEV, "no framework");
  }

  /** The device table: a device's path need not exist. */
  public static final class Devices implements DeviceTable {
    private final Map<String, DeviceInfo> byName = new TreeMap<>();

    @Override
    public synchronized DeviceInfo add(String name, String path, OriginOptions options)
        throws ErrnoException {
      if (byName.containsKey(name)) {
        throw new ErrnoException(Errno.EEXIST, "device " + name + ": the name is taken");
      }
      DeviceGeometry geometry =
          new DeviceGeometry(
              SIZE_BYTES, 512, 4096, options.readOnly(), false, java.util.Set.of(BioOp.READ));
      DeviceInfo info = new DeviceInfo(name, path, options, geometry, List.of(), List.of(), "");
      byName.put(name, info);
      return info;
    }

    synchronized void setFilters(String name, List<String> filters) {
      DeviceInfo i = byName.get(name);
      byName.put(
          name,
          new DeviceInfo(i.name(), i.path(), i.options(), i.geometry(), filters, i.holders(), ""));
    }

    @Override
    public synchronized void remove(String name) throws ErrnoException {
      DeviceInfo info = info(name);
      if (!info.filters().isEmpty()) {
        throw new ErrnoException(
            Errno.EBUSY, "device " + name + ": filters are attached: " + info.filters());
      }
      byName.remove(name);
    }

    @Override
    public synchronized List<DeviceInfo> list() {
      return List.copyOf(byName.values());
    }

    @Override
    public synchronized DeviceInfo info(String name) throws ErrnoException {
      DeviceInfo info = byName.get(name);
      if (info == null) {
        throw new ErrnoException(
            Errno.ENODEV, "device \"" + name + "\": there is none; there are " + byName.keySet());
      }
      return info;
    }

    @Override
    public synchronized String resolve(String nameOrPath) throws ErrnoException {
      for (DeviceInfo info : byName.values()) {
        if (info.name().equals(nameOrPath) || info.path().equals(nameOrPath)) {
          return info.name();
        }
      }
      return info(nameOrPath).name();
    }

    @Override
    public DeviceStats stats(String name) throws ErrnoException {
      info(name);
      return new DeviceStats(name, 3, 4096, 2, 1536, 1, 0, 0, 0, 0, 0, 0, 1, 125_000);
    }
  }

  /** The registry: knows the filters {@code blksnap} and {@code trace}. */
  public final class Filters implements FilterRegistry {
    public final List<AttachRequest> attached = new ArrayList<>();

    @Override
    public void register(FilterOperations operations) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void unregister(FilterOperations operations) {
      throw new UnsupportedOperationException();
    }

    @Override
    public synchronized List<FilterInfo> filters() {
      return List.of(
          new FilterInfo(
              "blksnap",
              500,
              java.util.Set.of(BioOp.READ, BioOp.WRITE),
              of("blksnap"),
              List.of(),
              List.of(),
              "io.sluice.blksnap 0.1.0"),
          new FilterInfo(
              "trace",
              1000,
              java.util.Set.of(BioOp.READ),
              of("trace"),
              List.of(new Parameter("file", ParameterType.TEXT, null, "where it is written to")),
              List.of(
                  new CtlCommand(
                      "dump",
                      List.of(new Parameter("count", ParameterType.COUNT, "10", "how many")),
                      "shows the last bios")),
              "io.sluice.trace 0.1.0"));
    }

    private List<String> of(String filter) {
      return attached.stream()
          .filter(a -> a.filter().equals(filter))
          .map(AttachRequest::device)
          .toList();
    }

    @Override
    public synchronized void attach(AttachRequest request) throws ErrnoException {
      if (filters().stream().noneMatch(f -> f.name().equals(request.filter()))) {
        throw new ErrnoException(Errno.ENOENT, "filter " + request.filter() + " is not registered");
      }
      devices.info(request.device());
      if (of(request.filter()).contains(request.device())) {
        throw new ErrnoException(Errno.EALREADY, request.filter() + " is attached already");
      }
      attached.add(request);
      show(request.device());
    }

    private void show(String device) throws ErrnoException {
      devices.setFilters(device, chain(device).stream().map(ChainEntry::filter).toList());
    }

    @Override
    public synchronized void detach(String device, String filter) throws ErrnoException {
      devices.info(device);
      boolean any = attached.stream().anyMatch(a -> a.device().equals(device));
      boolean gone = attached.removeIf(a -> a.device().equals(device) && a.filter().equals(filter));
      if (!gone) {
        throw new ErrnoException(
            any ? Errno.EINVAL : Errno.ENOENT, filter + " is not attached to " + device);
      }
      show(device);
    }

    @Override
    public synchronized Map<String, Object> ctl(
        String device, String filter, String command, List<String> arguments)
        throws ErrnoException {
      if (!command.equals("echo")) {
        throw new ErrnoException(Errno.ENOTTY, "filter command \"" + command + "\": unknown");
      }
      Map<String, Object> result = new java.util.LinkedHashMap<>();
      result.put("device", device);
      result.put("arguments", arguments);
      return result;
    }

    @Override
    public synchronized List<ChainEntry> chain(String device) throws ErrnoException {
      devices.info(device);
      return attached.stream()
          .filter(a -> a.device().equals(device))
          .map(
              a ->
                  new ChainEntry(
                      a.filter(),
                      a.altitude().orElse(500),
                      a.onError(),
                      "attached",
                      7,
                      0,
                      0,
                      "",
                      new LatencySummary(5, 1_500, 12_345, 3_400_000, 250),
                      "io.sluice." + a.filter() + " 0.1.0"))
          .toList();
    }

    @Override
    public Frozen freeze(Collection<String> names, Duration drainLimit) {
      throw new UnsupportedOperationException();
    }
  }

  /** An exporter that serves each device and image, and what is added. */
  public final class Nbd implements Exporter {
    private static final Map<String, String> USUAL = Map.of("allow", "user:self,user:root");

    private final Map<String, ExportRequest> added = new TreeMap<>();
    private Map<String, String> options = USUAL;

    @Override
    public String kind() {
      return "nbd";
    }

    @Override
    public synchronized ExportInfo add(ExportRequest request) throws ErrnoException {
      String name = request.name().isEmpty() ? request.device() : request.name();
      if (added.putIfAbsent(name, request) != null) {
        throw new ErrnoException(Errno.EEXIST, "export \"" + name + "\": the name is taken");
      }
      return info(name, request, false);
    }

    private ExportInfo info(String name) {
      return info(name, new ExportRequest(name, name, false), true);
    }

    private ExportInfo info(String name, ExportRequest request, boolean automatic) {
      return new ExportInfo(
          "nbd",
          name,
          request.device(),
          request.description(),
          request.readOnly(),
          automatic,
          ExportState.SERVED,
          request.limit(),
          request.options(),
          0,
          List.of("nbd+unix:///" + name + "?socket=/run/sluice/nbd.sock"));
    }

    @Override
    public synchronized ExportInfo change(ExportChange change) throws ErrnoException {
      ExportRequest was = added.get(change.name());
      if (was == null) {
        throw new ErrnoException(Errno.ENOENT, "export \"" + change.name() + "\": not added");
      }
      ExportRequest changed =
          new ExportRequest(
              was.device(),
              was.name(),
              was.readOnly(),
              change.description() == null ? was.description() : change.description(),
              change.limit() == null ? was.limit() : change.limit(),
              change.options() == null ? was.options() : change.options());
      added.put(change.name(), changed);
      return info(change.name(), changed, false);
    }

    @Override
    public synchronized Map<String, String> options() {
      return options;
    }

    @Override
    public synchronized void configure(Map<String, String> changed) throws ErrnoException {
      if (changed.containsValue("nobody")) {
        throw new ErrnoException(Errno.EINVAL, "access rule \"nobody\": it must be any");
      }
      options = changed.isEmpty() ? USUAL : changed;
    }

    @Override
    public synchronized void remove(String name, RemovalMode mode) throws ErrnoException {
      if (mode == RemovalMode.SAFE && name.equals("busy")) {
        throw new ErrnoException(Errno.EBUSY, "export \"" + name + "\": in use by user root");
      }
      if (added.remove(name) == null) {
        throw new ErrnoException(Errno.EPERM, "export \"" + name + "\" goes with its device");
      }
    }

    @Override
    public synchronized List<ExportInfo> list() {
      List<ExportInfo> exports = new ArrayList<>();
      devices.list().forEach(d -> exports.add(info(d.name())));
      snapshots.images().forEach(i -> exports.add(info(i)));
      added.forEach((name, request) -> exports.add(info(name, request, false)));
      return exports;
    }
  }

  /** An exporter of one kind that serves what it is told to, at /dev/KIND0 and so on. */
  public static final class OnRequest implements Exporter {
    public final List<ExportInfo> added = new ArrayList<>();

    /** Why nothing can be added; null if it can. */
    public ErrnoException refusal;

    private final String kind;

    public OnRequest(String kind) {
      this.kind = kind;
    }

    @Override
    public String kind() {
      return kind;
    }

    @Override
    public ExportInfo add(ExportRequest request) throws ErrnoException {
      if (refusal != null) {
        throw refusal;
      }
      String name = "/dev/" + kind + added.size();
      added.add(
          new ExportInfo(
              kind, name, request.device(), request.readOnly(), false, 0, List.of(name)));
      return added.get(added.size() - 1);
    }

    @Override
    public void remove(String name, RemovalMode mode) {
      added.removeIf(export -> export.name().equals(name));
    }

    @Override
    public List<ExportInfo> list() {
      return List.copyOf(added);
    }
  }
}
