package io.sluice.swap;

import io.sluice.block.ErrnoException;
import java.time.Duration;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Somebody who uses what other bundles provide, and can do without it for a moment. An OSGi service
 * of whoever pins bundles; {@link BundleSwap} asks all of them.
 */
@ConsumerType
public interface ProviderUser {
  /**
   * Holds back its callers, lets go of everything that the bundle provides, and gives the pins
   * back.
   *
   * @param bundleId the bundle about to be replaced
   * @param limit how long calls that run may take to end
   * @return what is suspended; {@link Suspended#NOTHING} if it uses nothing of the bundle
   * @throws ErrnoException EBUSY if it can't do without, naming what is in use and what to do;
   *     EAGAIN if calls do not end in time. Everything goes on as before then
   */
  Suspended suspend(long bundleId, Duration limit) throws ErrnoException;

  /** What is held back. */
  interface Suspended {
    /** Nothing of the bundle was in use. */
    Suspended NOTHING =
        limit -> {
          // Nothing was suspended.
        };

    /**
     * Takes up what the bundle, or whoever registered under the same name, provides now, and lets
     * the callers go on. Called once, whether the bundle was replaced or not.
     *
     * @param limit how long to wait for the successor to provide it
     * @throws ErrnoException if the successor does not provide it or refuses; the callers go on
     *     without it then, or fail, as what was suspended says
     */
    void resume(Duration limit) throws ErrnoException;
  }
}
