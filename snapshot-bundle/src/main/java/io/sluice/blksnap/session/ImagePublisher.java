package io.sluice.blksnap.session;

import io.sluice.block.BlockDevice;

/** Makes images known to exports. The edge implements it with OSGi services. */
@FunctionalInterface
public interface ImagePublisher {
  /** An image that is known, until it is withdrawn. */
  @FunctionalInterface
  interface Publication {
    /** Withdraws the image. Does not wait for those who use it. */
    void withdraw();
  }

  /**
   * @param name {@code DEV@SNAP}
   * @param description one line for people
   */
  Publication publish(String name, String description, BlockDevice image);
}
