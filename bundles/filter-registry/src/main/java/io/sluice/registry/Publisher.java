package io.sluice.registry;

import io.sluice.block.BlockDevice;

/** Makes live devices known to those who serve them to clients. */
@FunctionalInterface
public interface Publisher {
  /**
   * Publishes a device.
   *
   * @param description one line for people
   * @return withdraws it; run once
   */
  Runnable publish(String name, String description, BlockDevice device);
}
