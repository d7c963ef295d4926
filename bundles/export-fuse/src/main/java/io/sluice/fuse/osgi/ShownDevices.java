package io.sluice.fuse.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.fuse.mount.FuseExports;
import io.sluice.osgi.DeviceTracker;
import org.osgi.framework.BundleContext;

/** Shows every live device and image as it comes, and takes its files away when it goes. */
final class ShownDevices extends DeviceTracker {
  private static final System.Logger LOG = System.getLogger(ShownDevices.class.getPackageName());

  private final FuseExports exports;

  ShownDevices(BundleContext context, FuseExports exports) {
    super(context);
    this.exports = exports;
  }

  @Override
  protected void came(String name, String description, DeviceRole role, BlockDevice device) {
    if (!exports.deviceCame(name, role, device)) {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> "device \"" + name + "\" is no file: the name is taken or can't be a file's");
    }
  }

  @Override
  protected void went(BlockDevice device) {
    exports.deviceWent(device);
  }
}
