package io.sluice.shell.backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TriesTest {
  private static final Work WANTED =
      new Work() {
        @Override
        public boolean goesOn() {
          return true;
        }

        @Override
        public void progress(String text) {}
      };

  private final AtomicInteger runs = new AtomicInteger();

  /** A step that fails some times, then succeeds. */
  private Tries.Step failing(int times, Errno errno) {
    return () -> {
      if (runs.incrementAndGet() <= times) {
        throw new ErrnoException(errno, "run " + runs);
      }
    };
  }

  @Test
  void aBrokenConnectionIsTriedAgainAndCounted() throws Exception {
    Tries tries = new Tries(() -> {}, WANTED, () -> 0, 1);
    tries.run(failing(2, Errno.EIO));
    tries.run(failing(4, Errno.ENODEV));
    assertEquals(5, runs.get());
    assertEquals(3, tries.retryCount());
  }

  @Test
  void whatCanNotPassIsNotTriedAgain() {
    Tries tries = new Tries(() -> {}, WANTED, () -> 0, 1);
    assertThrows(ErrnoException.class, () -> tries.run(failing(1, Errno.ENOENT)));
    assertEquals(1, runs.get());
  }

  @Test
  void theTrueReasonGoesBeforeTheSymptom() {
    Tries tries =
        new Tries(
            () -> {
              throw new ErrnoException(Errno.ENOSPC, "the snapshot overflowed");
            },
            WANTED,
            () -> 0,
            1);
    ErrnoException e = assertThrows(ErrnoException.class, () -> tries.run(failing(9, Errno.EIO)));
    assertEquals(Errno.ENOSPC, e.errno());
    assertEquals(1, runs.get());
  }

  @Test
  void itEndsAtTheLimitWithTheLastFailure() {
    AtomicLong now = new AtomicLong();
    Tries tries = new Tries(() -> {}, WANTED, now::getAndIncrement, 2);
    ErrnoException e = assertThrows(ErrnoException.class, () -> tries.run(failing(9, Errno.EIO)));
    assertEquals("EIO: run 2", e.getMessage());
    runs.set(0);
    Tries once = new Tries(() -> {}, WANTED, () -> 0, 0);
    assertThrows(ErrnoException.class, () -> once.run(failing(1, Errno.EIO)));
    assertEquals(1, runs.get());
  }
}
