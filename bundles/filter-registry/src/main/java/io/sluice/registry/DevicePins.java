package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.pin.BundlePins;

/** Keeps the bundles of a device's origin and of the registry while the device is there. */
final class DevicePins {
  private final Bundles bundles;
  private volatile boolean shut;

  DevicePins(Bundles bundles) {
    this.bundles = bundles;
  }

  /**
   * Pins what a device stands on, before its origin is opened.
   *
   * @throws ErrnoException EAGAIN if one of the bundles is going; ESHUTDOWN if all is
   */
  BundlePins.Pin pin(Provider origins, String device) throws ErrnoException {
    if (shut) {
      throw new ErrnoException(
          Errno.ESHUTDOWN, "device add " + device + ": the filter registry is shutting down");
    }
    String user = "device " + device;
    BundlePins.Pin ofRegistry = bundles.registry().pin(user);
    BundlePins.Pin ofOrigins;
    try {
      ofOrigins = origins.pin(user);
    } catch (ErrnoException | RuntimeException | Error e) {
      ofRegistry.close();
      throw e;
    }
    return () -> {
      ofOrigins.close();
      ofRegistry.close();
    };
  }

  /** Refuses all from now on. */
  void shut() {
    shut = true;
  }
}
