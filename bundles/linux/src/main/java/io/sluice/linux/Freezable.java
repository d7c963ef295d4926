package io.sluice.linux;

import io.sluice.block.ErrnoException;

/** A mounted file system that can be frozen. Any call may hang as long as the storage does. */
public interface Freezable extends AutoCloseable {
  /**
   * Writes out everything and holds new writes until {@link #thaw()}; FIFREEZE.
   *
   * @throws ErrnoException EBUSY if it is frozen; ENOTSUP if this kind can't be; EPERM
   */
  void freeze() throws ErrnoException;

  /**
   * Lets writes go on; FITHAW.
   *
   * @throws ErrnoException EINVAL if it is not frozen
   */
  void thaw() throws ErrnoException;

  /** Writes out what is in memory; syncfs. */
  void sync() throws ErrnoException;

  /** Lets go of it, without thawing. */
  @Override
  void close();
}
