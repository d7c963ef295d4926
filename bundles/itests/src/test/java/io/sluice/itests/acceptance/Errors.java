package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import org.junit.jupiter.api.function.Executable;

/** Calls that must be refused. */
final class Errors {
  private Errors() {}

  /** The call fails with this errno; its message. */
  static String refused(Errno errno, Executable call) {
    ErrnoException refusal = assertThrows(ErrnoException.class, call);
    assertEquals(errno, refusal.errno(), refusal.getMessage());
    return refusal.getMessage();
  }
}
