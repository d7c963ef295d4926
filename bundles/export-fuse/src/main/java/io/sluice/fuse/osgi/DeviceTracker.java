package io.sluice.fuse.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.fuse.mount.FuseExports;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Shows every live device and image as it comes, and takes its files away when it goes. */
final class DeviceTracker extends ServiceTracker<BlockDevice, BlockDevice> {
  private static final System.Logger LOG = System.getLogger(DeviceTracker.class.getPackageName());

  private final FuseExports exports;

  DeviceTracker(BundleContext context, FuseExports exports) {
    super(context, BlockDevice.class, null);
    this.exports = exports;
  }

  @Override
  public BlockDevice addingService(ServiceReference<BlockDevice> reference) {
    DeviceRole role = role(reference);
    if (role == null) {
      return null;
    }
    BlockDevice device = super.addingService(reference);
    String name = text(reference, BlockDevice.NAME_PROPERTY);
    if (device != null && !exports.deviceCame(name, role, device)) {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> "device \"" + name + "\" is no file: the name is taken or can't be a file's");
    }
    return device;
  }

  @Override
  public void removedService(ServiceReference<BlockDevice> reference, BlockDevice device) {
    exports.deviceWent(device);
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
