package io.sluice.nbd.server;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportRequest;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.ExportCatalog;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Which names lead to which devices: each device's own name, without asking, and names that were
 * added. A name that was added goes with its device. Thread-safe.
 */
public final class ExportTable implements ExportCatalog {
  /**
   * A name.
   *
   * @param export what clients get
   * @param deviceName the device's own name
   * @param role live or image
   * @param automatic whether it is the device's own name, served without asking
   */
  public record Entry(Export export, String deviceName, DeviceRole role, boolean automatic) {}

  private final TreeMap<String, Entry> entries = new TreeMap<>();
  private boolean stopping;

  /**
   * Serves a device under its own name.
   *
   * @return false if the name is taken, or can't be one; nothing has changed then
   */
  public synchronized boolean deviceCame(
      String name, String description, DeviceRole role, BlockDevice device) {
    if (!isUsable(name) || entries.containsKey(name)) {
      return false;
    }
    entries.put(name, new Entry(new Export(name, description, device, false), name, role, true));
    return true;
  }

  /** Forgets a device and all its names. */
  public synchronized void deviceWent(BlockDevice device) {
    entries.values().removeIf(entry -> entry.export().device() == device);
  }

  /**
   * Serves a device under one more name.
   *
   * @throws ErrnoException ENODEV for no such device; EEXIST if the name is taken; EINVAL for a
   *     name that can't be one; ESHUTDOWN while the server stops
   */
  public synchronized Entry add(ExportRequest request) throws ErrnoException {
    checkRunning();
    Entry device = entries.get(request.device());
    if (device == null || !device.automatic()) {
      throw new ErrnoException(
          Errno.ENODEV,
          "export of "
              + request.device()
              + ": no such live device or image; there are "
              + deviceNames());
    }
    String name = request.name().isEmpty() ? request.device() : request.name();
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
    Export export =
        new Export(
            name, device.export().description(), device.export().device(), request.readOnly());
    Entry added = new Entry(export, device.deviceName(), device.role(), false);
    entries.put(name, added);
    return added;
  }

  /**
   * Takes a name that was added away.
   *
   * @throws ErrnoException ENOENT if there is no such export; EPERM if it is served without asking
   */
  public synchronized Entry remove(String name) throws ErrnoException {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new ErrnoException(Errno.ENOENT, "export " + name + ": no such export");
    }
    if (entry.automatic()) {
      throw new ErrnoException(
          Errno.EPERM,
          "export "
              + name
              + ": it is served without asking; remove the device or snapshot instead");
    }
    return entries.remove(name);
  }

  /** Everything, by name. */
  public synchronized List<Entry> entries() {
    return List.copyOf(entries.values());
  }

  /** Stops, and tells which names had been added, for whoever goes on serving them. */
  synchronized List<Entry> giveAway() {
    stop();
    return entries.values().stream().filter(entry -> !entry.automatic()).toList();
  }

  /** Serves again, without the names that were given away. */
  synchronized void restart() {
    stopping = false;
    entries.values().removeIf(entry -> !entry.automatic());
  }

  /** From now on clients that negotiate are told that the server is shutting down. */
  public synchronized void stop() {
    stopping = true;
  }

  @Override
  public synchronized List<Export> list() {
    return entries.values().stream().map(Entry::export).toList();
  }

  @Override
  public synchronized Export find(String name) throws ErrnoException {
    checkRunning();
    Entry entry = name.isEmpty() ? onlyLiveDevice() : entries.get(name);
    if (entry == null) {
      throw new ErrnoException(
          Errno.ENOENT,
          name.isEmpty()
              ? "no export name was given, and there is not exactly one live device; there are "
                  + deviceNames()
              : "no such export: " + name);
    }
    return entry.export();
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
