package io.sluice.pin;

import org.osgi.annotation.versioning.ProviderType;

/** Keeps bundles from being taken down. An OSGi service; may be called from any thread. */
@ProviderType
public interface BundlePins {
  /**
   * Keeps a bundle, and every bundle that it is wired to, from being stopped, updated, uninstalled
   * or refreshed until the pin is closed: each attempt fails with a BundleException that names the
   * users. The bundle that takes the pin is kept as well. The framework's own shutdown is not
   * refused.
   *
   * @param bundleId of the bundle that provides what is used
   * @param user what uses it, for people: {@code "filter throttle on device disk"}
   * @throws PinException if the bundle is neither active nor starting, is being taken down, or the
   *     framework shuts down
   */
  Pin pin(long bundleId, String user) throws PinException;

  /** One use of a bundle. */
  interface Pin extends AutoCloseable {
    /** Lets the bundle go. Idempotent; may be called from any thread. */
    @Override
    void close();
  }
}
