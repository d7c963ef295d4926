package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginOptions;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.DeviceTable;
import java.util.List;

/** The table of devices as its users see it: what they add and remove is kept for a restart. */
public final class JournalledDevices implements DeviceTable {
  private final DeviceTable devices;
  private final ConfiguredDevices configured;

  /** The devices of a table, kept by a configured. */
  public JournalledDevices(DeviceTable devices, ConfiguredDevices configured) {
    this.devices = devices;
    this.configured = configured;
  }

  @Override
  public DeviceInfo add(String name, String path, OriginOptions options) throws ErrnoException {
    DeviceInfo added = devices.add(name, path, options);
    configured.keep(name);
    return added;
  }

  /** A device that is only configured, and could not be made, is forgotten by this too. */
  @Override
  public void remove(String name) throws ErrnoException {
    try {
      devices.remove(name);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENODEV || !configured.forget(name)) {
        throw e;
      }
      return;
    }
    boolean unused = configured.forget(name);
  }

  @Override
  public List<DeviceInfo> list() {
    return devices.list();
  }

  @Override
  public DeviceInfo info(String name) throws ErrnoException {
    return devices.info(name);
  }

  @Override
  public String resolve(String nameOrPath) throws ErrnoException {
    return devices.resolve(nameOrPath);
  }

  @Override
  public DeviceStats stats(String name) throws ErrnoException {
    return devices.stats(name);
  }
}
