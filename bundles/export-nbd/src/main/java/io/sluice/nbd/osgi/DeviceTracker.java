package io.sluice.nbd.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.NbdServer;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Exports every live device and image as it comes, and lets its clients go when it does. */
final class DeviceTracker extends ServiceTracker<BlockDevice, BlockDevice> {
  private static final System.Logger LOG = System.getLogger(DeviceTracker.class.getPackageName());

  private final ConfiguredExports exports;
  private final NbdServer server;

  DeviceTracker(BundleContext context, ConfiguredExports exports, NbdServer server) {
    super(context, BlockDevice.class, null);
    this.exports = exports;
    this.server = server;
  }

  @Override
  public BlockDevice addingService(ServiceReference<BlockDevice> reference) {
    DeviceRole role = role(reference);
    if (role == null) {
      return null;
    }
    BlockDevice device = super.addingService(reference);
    String name = text(reference, BlockDevice.NAME_PROPERTY);
    String description = text(reference, BlockDevice.DESCRIPTION_PROPERTY);
    if (device != null && !exports.deviceCame(name, description, role, device)) {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> "device \"" + name + "\" is not exported: the name is taken or can't be used");
    }
    return device;
  }

  @Override
  public void removedService(ServiceReference<BlockDevice> reference, BlockDevice device) {
    exports.deviceWent(device);
    server.endSessions(export -> export.device() == device);
    super.removedService(reference, device);
  }

  private static DeviceRole role(ServiceReference<BlockDevice> reference) {
    String property = text(reference, BlockDevice.ROLE_PROPERTY);
    for (DeviceRole role : new DeviceRole[] {DeviceRole.LIVE, DeviceRole.IMAGE}) {
      if (role.property().equals(property)) {
        return role;
      }
    }
    return null;
  }

  private static String text(ServiceReference<BlockDevice> reference, String key) {
    Object property = reference.getProperty(key);
    return property == null ? "" : property.toString();
  }
}
