package io.sluice.nbd.server;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.DeviceView;
import io.sluice.block.DeviceViews;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportRequest;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.ExportCatalog;
import io.sluice.nbd.session.MetaContext;
import io.sluice.nbd.session.Throttle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * Which names lead to which devices: each device's own name, without asking, and names that were
 * added. A name that was added goes with its device. Thread-safe.
 */
public final class ExportTable implements ExportCatalog {
  /**
   * What a dirty bitmap's name begins with, as libvirt has it; the export's or device's follows.
   */
  private static final String BITMAP_PREFIX = "backup-";

  /**
   * A name.
   *
   * @param export what clients get
   * @param deviceName the device's own name
   * @param deviceDescription the device's own description
   * @param role live or image
   * @param automatic whether it is the device's own name, served without asking
   * @param request what was asked for: the description is empty where it is the device's own
   * @param terms who may have it
   * @param hidden whether new clients are refused
   */
  public record Entry(
      Export export,
      String deviceName,
      String deviceDescription,
      DeviceRole role,
      boolean automatic,
      ExportRequest request,
      ExportTerms terms,
      boolean hidden) {

    private Entry with(boolean nowHidden) {
      return new Entry(
          export, deviceName, deviceDescription, role, automatic, request, terms, nowHidden);
    }
  }

  private final DeviceViews views;
  private final TreeMap<String, Entry> entries = new TreeMap<>();
  private boolean stopping;
  private boolean givenAway;

  /** A table of devices without maps. */
  public ExportTable() {
    this(name -> Optional.empty());
  }

  /**
   * A table of devices.
   *
   * @param views their maps, and names that are served though nobody publishes them
   */
  public ExportTable(DeviceViews views) {
    this.views = views;
  }

  /**
   * Serves a device under its own name.
   *
   * @return false if the name is taken, or can't be one; nothing has changed then
   */
  public boolean deviceCame(String name, String description, DeviceRole role, BlockDevice device) {
    List<MetaContext> contexts =
        views
            .find(name)
            .filter(view -> view.device() == device)
            .map(view -> contexts(view, view.liveDevice()))
            .orElseGet(() -> MetaContext.of(List.of(), "", ""));
    return deviceCame(new Export(name, description, device, false).with(contexts), role);
  }

  private synchronized boolean deviceCame(Export export, DeviceRole role) {
    String name = export.name();
    if (!isUsable(name) || entries.containsKey(name)) {
      return false;
    }
    ExportRequest request = new ExportRequest(name, name, false);
    entries.put(
        name,
        new Entry(
            export, name, export.description(), role, true, request, ExportTerms.NONE, false));
    return true;
  }

  /** Forgets a device and all its names, and tells which they were. */
  public synchronized List<Entry> deviceWent(BlockDevice device) {
    List<Entry> gone =
        entries.values().stream().filter(entry -> entry.export().device() == device).toList();
    entries.values().removeAll(gone);
    return gone;
  }

  /**
   * Serves a device under one more name.
   *
   * @throws ErrnoException ENODEV for no such device; EEXIST if the name is taken; EINVAL for a
   *     name that can't be one, a limit or an option; ESHUTDOWN while the server stops
   */
  public Entry add(ExportRequest asked) throws ErrnoException {
    Entry own = entry(asked.device());
    return add(asked, own == null || !own.automatic() ? view(asked) : own);
  }

  /** Something to make a name of that is not published by itself; null if there is none. */
  private Entry view(ExportRequest asked) {
    DeviceView view = views.find(asked.device()).orElse(null);
    Entry device = view == null ? null : own(view.device());
    if (device == null) {
      return null;
    }
    String bitmapOf = asked.name().isEmpty() ? view.liveDevice() : asked.name();
    Export export = device.export().view(view.name(), view.description(), contexts(view, bitmapOf));
    return new Entry(
        export,
        view.name(),
        view.description(),
        device.role(),
        true,
        device.request(),
        device.terms(),
        false);
  }

  private static List<MetaContext> contexts(DeviceView view, String bitmapOf) {
    return MetaContext.of(view.maps(), BITMAP_PREFIX + bitmapOf, BITMAP_PREFIX + view.liveDevice());
  }

  /** Whether a name can be made known for this device, or a view of one. */
  boolean hasDevice(String name) {
    return entry(name) != null || view(new ExportRequest(name, "", false)) != null;
  }

  private synchronized Entry add(ExportRequest asked, Entry device) throws ErrnoException {
    checkRunning();
    // It may have gone since it was looked up.
    if (device == null || own(device.export().device()) == null) {
      throw new ErrnoException(
          Errno.ENODEV,
          "export of "
              + asked.device()
              + ": no such live device or image; there are "
              + deviceNames());
    }
    String name = asked.name().isEmpty() ? asked.device() : asked.name();
    if (!isUsable(name)) {
      throw new ErrnoException(
          Errno.EINVAL,
          "export name of "
              + name.length()
              + " characters: it must have 1 to "
              + NbdLimits.STRING_MAX_BYTES
              + " bytes and no control characters");
    }
    if (entries.containsKey(name)) {
      throw new ErrnoException(
          Errno.EEXIST, "export " + name + ": the name is taken, give another one");
    }
    ExportRequest request =
        new ExportRequest(
            device.deviceName(),
            name,
            asked.readOnly(),
            asked.description(),
            asked.limit(),
            asked.options());
    ExportTerms terms = ExportTerms.of(request);
    Throttle throttle = new Throttle(request.limit(), System::nanoTime);
    Entry added =
        new Entry(
            export(device, request, throttle),
            device.deviceName(),
            device.deviceDescription(),
            device.role(),
            false,
            request,
            terms,
            false);
    entries.put(name, added);
    return added;
  }

  private static Export export(Entry device, ExportRequest request, Throttle throttle) {
    String description = request.description();
    return new Export(
        request.name(),
        description.isEmpty() ? device.deviceDescription() : description,
        device.export().device(),
        request.readOnly() || device.export().readOnly(),
        throttle,
        device.export().contexts());
  }

  /**
   * Changes an export.
   *
   * @throws ErrnoException ENOENT if there is no such export; EINVAL for what it can't be
   */
  public synchronized Entry change(ExportChange change) throws ErrnoException {
    Entry entry = known(change.name());
    ExportRequest was = entry.request();
    ExportRequest request =
        new ExportRequest(
            was.device(),
            was.name(),
            was.readOnly(),
            change.description() == null ? was.description() : change.description(),
            change.limit() == null ? was.limit() : change.limit(),
            change.options() == null ? was.options() : change.options());
    ExportTerms terms = ExportTerms.of(request);
    Export export = export(entry, request, entry.export().throttle());
    if (!request.limit().equals(was.limit())) {
      export.throttle().set(request.limit());
    }
    Entry changed =
        new Entry(
            export,
            entry.deviceName(),
            entry.deviceDescription(),
            entry.role(),
            entry.automatic(),
            request,
            terms,
            entry.hidden());
    entries.put(entry.export().name(), changed);
    return changed;
  }

  private Entry known(String name) throws ErrnoException {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new ErrnoException(Errno.ENOENT, "export " + name + ": no such export");
    }
    return entry;
  }

  /**
   * An export that was added, to be removed.
   *
   * @throws ErrnoException ENOENT if there is no such export; EPERM if it is served without asking
   */
  synchronized Entry removable(String name) throws ErrnoException {
    Entry entry = known(name);
    if (entry.automatic()) {
      throw new ErrnoException(
          Errno.EPERM,
          "export "
              + name
              + ": it is served without asking; remove the device or snapshot instead");
    }
    return entry;
  }

  /** Refuses new clients of an export, or takes them again; nothing if there is no such export. */
  synchronized void hide(String name, boolean hidden) {
    Entry entry = entries.get(name);
    if (entry != null) {
      entries.put(name, entry.with(hidden));
    }
  }

  /** Takes an export away; nothing if there is none. */
  synchronized void remove(String name) {
    entries.remove(name);
  }

  /** Takes away those hidden exports that nobody uses any more. */
  synchronized void removeHidden(Predicate<Export> unused) {
    entries.values().removeIf(entry -> entry.hidden() && unused.test(entry.export()));
  }

  /** Whether there is a hidden one. */
  synchronized boolean hasHidden() {
    return entries.values().stream().anyMatch(Entry::hidden);
  }

  /** Everything, by name. */
  public synchronized List<Entry> entries() {
    return List.copyOf(entries.values());
  }

  /** What a name leads to, hidden or not, or null. */
  synchronized Entry entry(String name) {
    return entries.get(name);
  }

  /** Stops, and tells which names were set up, for whoever goes on serving them. */
  synchronized List<Entry> giveAway() {
    stop();
    givenAway = true;
    return entries.values().stream().filter(ExportTable::isSetUp).toList();
  }

  /** Whether somebody asked for something that the device alone does not bring. */
  static boolean isSetUp(Entry entry) {
    return !entry.automatic()
        || !entry
            .request()
            .equals(new ExportRequest(entry.deviceName(), entry.deviceName(), false));
  }

  /** Serves again, without the names that were given away. */
  synchronized void restart() {
    stopping = false;
    if (givenAway) {
      givenAway = false;
      entries.values().removeIf(entry -> !entry.automatic());
    }
  }

  /** From now on clients that negotiate are told that the server is shutting down. */
  public synchronized void stop() {
    stopping = true;
  }

  @Override
  public synchronized List<Export> list() {
    return entries.values().stream().filter(entry -> !entry.hidden()).map(Entry::export).toList();
  }

  @Override
  public Export find(String name) throws ErrnoException {
    Entry view =
        name.isEmpty() || entry(name) != null ? null : view(new ExportRequest(name, "", false));
    return find(name, view);
  }

  private synchronized Export find(String name, Entry view) throws ErrnoException {
    checkRunning();
    Entry entry = name.isEmpty() ? onlyLiveDevice() : entries.getOrDefault(name, view);
    if (entry == null || entry.hidden() || own(entry.export().device()) == null) {
      throw new ErrnoException(
          Errno.ENOENT,
          name.isEmpty()
              ? "no export name was given, and there is not exactly one live device; there are "
                  + deviceNames()
              : "no such export: " + name);
    }
    return entry.export();
  }

  @Override
  public Export findAgain(String name) throws ErrnoException {
    Entry entry = entry(name);
    return entry != null && entry.hidden() ? entry.export() : find(name);
  }

  /** Who may have an export. An image that nobody has set anything for is as its live device. */
  synchronized ExportTerms terms(Export export) {
    Entry entry = entries.get(export.name());
    if (entry == null || !entry.export().isSame(export)) {
      entry = own(export.device());
    }
    if (entry == null) {
      return ExportTerms.NOBODY;
    }
    if (entry.automatic()
        && entry.role() == DeviceRole.IMAGE
        && entry.request().options().isEmpty()) {
      Entry live = entries.get(entry.deviceName().replaceFirst("@.*", ""));
      return live == null ? ExportTerms.NONE : live.terms();
    }
    return entry.terms();
  }

  private synchronized Entry own(BlockDevice device) {
    for (Entry entry : entries.values()) {
      if (entry.automatic() && entry.export().device() == device) {
        return entry;
      }
    }
    return null;
  }

  private Entry onlyLiveDevice() {
    List<Entry> live =
        entries.values().stream()
            .filter(entry -> entry.automatic() && entry.role() == DeviceRole.LIVE)
            .toList();
    return live.size() == 1 ? live.get(0) : null;
  }

  private List<String> deviceNames() {
    List<String> names = new ArrayList<>();
    for (Entry entry : entries.values()) {
      if (entry.automatic()) {
        names.add(entry.deviceName());
      }
    }
    return names;
  }

  private void checkRunning() throws ErrnoException {
    if (stopping) {
      throw new ErrnoException(Errno.ESHUTDOWN, "the NBD server is shutting down");
    }
  }

  private static boolean isUsable(String name) {
    return !name.isEmpty()
        && name.getBytes(StandardCharsets.UTF_8).length <= NbdLimits.STRING_MAX_BYTES
        && name.chars().noneMatch(Character::isISOControl);
  }
}
