package io.sluice.block;

import org.osgi.annotation.versioning.ConsumerType;

/** Opens origins. An OSGi service; the first provider that {@link #accepts} a path serves it. */
@ConsumerType
public interface OriginProvider {
  /** Whether {@code path} is of this provider's kind, judged without opening it. Never throws. */
  boolean accepts(String path);

  /**
   * Opens the origin and holds it exclusively until it is closed.
   *
   * @throws ErrnoException ENOENT, EACCES, EISDIR, EINVAL for what can't be an origin; EBUSY if
   *     another process, or this one, holds it
   */
  OriginDevice open(String path, OriginOptions options) throws ErrnoException;
}
