package io.sluice.block;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Finds views of devices by name: of those that are services, and of more than could be made known
 * one by one, such as each image with the changes since each other. An OSGi service; whoever
 * publishes devices with maps offers one. All methods may be called from any thread.
 */
@ConsumerType
@FunctionalInterface
public interface DeviceViews {
  /**
   * The view that a name means.
   *
   * @param name any text, also from clients
   * @return empty if it is none of this service's
   */
  Optional<DeviceView> find(String name);
}
