package io.sluice.blksnap.diff;

import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;

/** Whose data are on their way to a store: told if they do not get there. */
@FunctionalInterface
public interface Depositor {
  /**
   * Data could not be stored. They can be had here for the last time. In the thread that stores;
   * what it throws is logged.
   *
   * @param unit what they are, as told to {@link DiffSpace#save}
   * @param data from position to limit; not to be kept
   * @param cause what the store said
   */
  void notStored(long unit, ByteBuffer data, ErrnoException cause);
}
