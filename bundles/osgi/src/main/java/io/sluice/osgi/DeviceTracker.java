package io.sluice.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Tells of every live device and image as it comes, and when it goes. */
public abstract class DeviceTracker extends ServiceTracker<BlockDevice, BlockDevice> {
  protected DeviceTracker(BundleContext context) {
    super(context, BlockDevice.class, null);
  }

  /** A device has come; without a name or a description these are empty. */
  protected abstract void came(
      String name, String description, DeviceRole role, BlockDevice device);

  /** A device that came is about to go. */
  protected abstract void went(BlockDevice device);

  @Override
  public BlockDevice addingService(ServiceReference<BlockDevice> reference) {
    DeviceRole role = role(reference);
    if (role == null) {
      return null;
    }
    BlockDevice device = super.addingService(reference);
    if (device != null) {
      String description = text(reference, BlockDevice.DESCRIPTION_PROPERTY);
      came(text(reference, BlockDevice.NAME_PROPERTY), description, role, device);
    }
    return device;
  }

  @Override
  public void removedService(ServiceReference<BlockDevice> reference, BlockDevice device) {
    went(device);
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
