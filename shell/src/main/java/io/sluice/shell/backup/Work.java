package io.sluice.shell.backup;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;

/** Who asked for long work: whether he still wants it, and how he hears how far it has come. */
public interface Work {
  /** Whether to go on. Asked several times a second. */
  boolean goesOn();

  /** Tells, in a few words, how far it has come. */
  void progress(String text);

  /**
   * @throws ErrnoException ECANCELED if it is not wanted any more
   */
  default void check() throws ErrnoException {
    if (!goesOn()) {
      throw new ErrnoException(Errno.ECANCELED, "given up, as asked");
    }
  }
}
