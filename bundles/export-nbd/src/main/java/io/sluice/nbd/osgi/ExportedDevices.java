package io.sluice.nbd.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.nbd.server.ConfiguredExports;
import io.sluice.nbd.server.NbdServer;
import io.sluice.osgi.DeviceTracker;
import org.osgi.framework.BundleContext;

/** Exports every live device and image as it comes, and lets its clients go when it does. */
final class ExportedDevices extends DeviceTracker {
  private static final System.Logger LOG = System.getLogger(ExportedDevices.class.getPackageName());

  private final ConfiguredExports exports;
  private final NbdServer server;

  ExportedDevices(BundleContext context, ConfiguredExports exports, NbdServer server) {
    super(context);
    this.exports = exports;
    this.server = server;
  }

  @Override
  protected void came(String name, String description, DeviceRole role, BlockDevice device) {
    if (!exports.deviceCame(name, description, role, device)) {
      LOG.log(
          System.Logger.Level.WARNING,
          () -> "device \"" + name + "\" is not exported: the name is taken or can't be used");
    }
  }

  @Override
  protected void went(BlockDevice device) {
    exports.deviceWent(device);
    server.endSessions(export -> export.device() == device);
  }
}
