package io.sluice.swap;

import io.sluice.block.ErrnoException;
import java.io.InputStream;
import org.osgi.annotation.versioning.ProviderType;

/** Replaces bundles in use. An OSGi service; one swap runs at a time. */
@ProviderType
public interface BundleSwap {
  /**
   * Replaces a bundle by other content while what it provides is in use: no client sees an error,
   * bios wait. If the content can't be installed or started, the old bundle is started again.
   *
   * @param bundleId the bundle
   * @param content the new jar, closed in any case; null for the place it was installed from
   * @throws ErrnoException ENOENT for no such bundle; EBUSY or EAGAIN of those who use it, nothing
   *     is changed then; EINVAL if the content is no bundle or does not start, EIO if the users
   *     could not take up what it provides: the message says what goes on and what does not
   */
  SwapReport swap(long bundleId, InputStream content) throws ErrnoException;
}
