package io.sluice.nbd.server;

import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportChange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The exports that somebody set up. Those of live devices are kept, and each is there again when
 * its device is; an image never comes back, so its exports go with it. Thread-safe.
 */
public final class ConfiguredExports {
  private static final System.Logger LOG =
      System.getLogger(ConfiguredExports.class.getPackageName());

  private static final String ALLOW = "allow";

  private final ExportTable table;
  private final Access access;

  /** Set up, and their device is not there; by name, guarded by this. */
  private final Map<String, ExportSetup> waiting = new TreeMap<>();

  /** Null while there is none; guarded by this. */
  private SetupStore store;

  /** The exports of a table; none is kept before {@link #open}. */
  public ConfiguredExports(ExportTable table, Access access) {
    this.table = table;
    this.access = access;
  }

  /** Takes up the setups that are kept. */
  public synchronized void open(SetupStore found) {
    store = found;
    try {
      configured(found.readCommon());
      for (Map<String, Object> properties : found.read()) {
        restore(properties);
      }
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "the configured NBD exports can't be read", e);
    }
  }

  private void restore(Map<String, Object> properties) {
    try {
      restore(ExportSetup.read(properties));
    } catch (ErrnoException e) {
      LOG.log(WARNING, e.getMessage());
    }
  }

  /**
   * Takes up what holds for all exports.
   *
   * @param properties as they are configured, with others that are none of ours; null for none
   */
  public void configured(Map<String, ?> properties) {
    Object allow = properties == null ? null : properties.get(ALLOW);
    try {
      access.configure(allow == null ? Map.of() : Map.of(ALLOW, text(allow)));
    } catch (ErrnoException e) {
      LOG.log(WARNING, "NBD access stays as it is: " + e.getMessage());
    }
  }

  /** Rules may come as a list, too. */
  private static String text(Object value) {
    return value instanceof String[] rules ? String.join(",", rules) : value.toString();
  }

  /** A command has changed what holds for all exports. */
  synchronized void keepCommon(Map<String, String> options) {
    if (store == null) {
      return;
    }
    try {
      store.writeCommon(options);
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "who may use NBD exports is not kept: a restart loses it", e);
    }
  }

  /** The store has gone: what is set up from now on is not kept. */
  public synchronized void close(SetupStore gone) {
    if (store == gone) {
      store = null;
    }
  }

  /** Serves what was set up, now if its device is there. */
  synchronized void restore(ExportSetup setup) {
    if (!table.hasDevice(setup.request().device())) {
      waiting.put(setup.name(), setup);
      return;
    }
    ExportTable.Entry there = table.entry(setup.name());
    if (there != null && there.request().equals(setup.request())) {
      return;
    }
    try {
      ExportTable.Entry unused =
          setup.automatic() ? table.change(terms(setup)) : table.add(setup.request());
      LOG.log(INFO, "export {0} is there again, as configured", setup.name());
    } catch (ErrnoException e) {
      LOG.log(WARNING, "a configured export is lost: " + e.getMessage());
    }
  }

  private static ExportChange terms(ExportSetup setup) {
    return new ExportChange(
        setup.name(),
        setup.request().description(),
        setup.request().limit(),
        setup.request().options());
  }

  /** Serves a device under its own name, as {@link ExportTable#deviceCame}, and all that waits. */
  public synchronized boolean deviceCame(
      String name, String description, DeviceRole role, BlockDevice device) {
    if (!table.deviceCame(name, description, role, device)) {
      return false;
    }
    List<ExportSetup> ready = new ArrayList<>(waiting.values());
    ready.removeIf(setup -> !table.hasDevice(setup.request().device()));
    waiting.values().removeAll(ready);
    ready.forEach(this::restore);
    return true;
  }

  /** A device has gone: what was set up on it waits, if it can come again. */
  public synchronized void deviceWent(BlockDevice device) {
    for (ExportTable.Entry entry : table.deviceWent(device)) {
      if (isKept(entry)) {
        waiting.put(entry.export().name(), setup(entry));
      }
    }
  }

  private static boolean isKept(ExportTable.Entry entry) {
    return entry.role() == DeviceRole.LIVE && !entry.hidden() && ExportTable.isSetUp(entry);
  }

  /** An entry as it is kept and handed over. */
  static ExportSetup setup(ExportTable.Entry entry) {
    return new ExportSetup(entry.request(), entry.automatic());
  }

  /** What waits for its device. */
  synchronized List<ExportSetup> waiting() {
    return List.copyOf(waiting.values());
  }

  /** Something was set up by a command. */
  synchronized void keep(ExportTable.Entry entry) {
    String name = entry.export().name();
    waiting.remove(name);
    if (store == null) {
      return;
    }
    try {
      if (isKept(entry)) {
        store.write(name, setup(entry).write());
      } else {
        store.delete(name);
      }
    } catch (IOException | IllegalStateException e) {
      LOG.log(WARNING, "export " + name + " is not kept: a restart loses it", e);
    }
  }

  /** A command takes an export away; says whether it waited. */
  synchronized boolean forget(String name) {
    ExportSetup waited = waiting.remove(name);
    if (store != null) {
      try {
        store.delete(name);
      } catch (IOException | IllegalStateException e) {
        LOG.log(WARNING, "export " + name + " is not forgotten: a restart brings it back", e);
      }
    }
    return waited != null;
  }

  /** Serves again what is set up and not in the table any more. */
  synchronized void restoreKept() {
    SetupStore found = store;
    if (found != null) {
      open(found);
    }
  }
}
