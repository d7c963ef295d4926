package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;

/** Checks of options before they are handed on as narrower types. */
final class Limits {
  private Limits() {}

  /**
   * A size that must fit 31 bits.
   *
   * @throws ErrnoException EINVAL if it does not
   */
  static int intBytes(String option, ByteSize size) throws ErrnoException {
    if (size.bytes() > Integer.MAX_VALUE) {
      throw new ErrnoException(
          Errno.EINVAL,
          option + " of " + size.bytes() + " bytes: the limit is " + Integer.MAX_VALUE);
    }
    return (int) size.bytes();
  }
}
