package io.sluice.registry.osgi;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.registry.Publisher;
import java.util.Map;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/** Publishes live devices as services of type {@link BlockDevice}. */
final class ServicePublisher implements Publisher {
  private final BundleContext context;

  ServicePublisher(BundleContext context) {
    this.context = context;
  }

  @Override
  public Runnable publish(String name, String description, BlockDevice device) {
    Map<String, Object> properties =
        Map.of(
            BlockDevice.NAME_PROPERTY, name,
            BlockDevice.ROLE_PROPERTY, DeviceRole.LIVE.property(),
            BlockDevice.DESCRIPTION_PROPERTY, description);
    ServiceRegistration<BlockDevice> registration =
        context.registerService(BlockDevice.class, device, FrameworkUtil.asDictionary(properties));
    return registration::unregister;
  }
}
