package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** Who waits for a store, and who does not any more. */
class PatienceTest {
  private int waitCount;
  private Runnable meanwhile = () -> {};
  private boolean ready;

  private final Patience patience =
      new Patience(
          new Waiting() {
            @Override
            public void limit(Duration limit) {
              throw new AssertionError("each wait has its own");
            }

            @Override
            public boolean until(BooleanSupplier condition) {
              throw new AssertionError("each wait has a limit");
            }

            @Override
            public boolean until(BooleanSupplier condition, Duration limit) {
              waitCount++;
              meanwhile.run();
              return condition.getAsBoolean();
            }

            @Override
            public void changed() {}
          },
          Duration.ofMillis(70));

  private Errno outcome() {
    ErrnoException e =
        assertThrows(
            ErrnoException.class, () -> patience.await(() -> ready, "store s", "it did nothing"));
    assertTrue(e.getMessage().contains("store s: it did nothing for 70 ms"), e.getMessage());
    return e.errno();
  }

  @Test
  void whatHappensInTimeIsWaitedFor() throws Exception {
    meanwhile = () -> ready = true;
    patience.await(() -> ready, "store s", "it did nothing");
    assertEquals(1, waitCount);
  }

  @Test
  void onceOneHasWaitedInVainNobodyDoes_untilThereIsASignOfLife() throws Exception {
    assertEquals(Errno.ETIMEDOUT, outcome());
    assertEquals(Errno.ETIMEDOUT, outcome());
    assertEquals(1, waitCount);
    ready = true;
    patience.await(() -> ready, "store s", "it did nothing"); // what is there is taken
    ready = false;
    patience.signOfLife();
    assertEquals(Errno.ETIMEDOUT, outcome());
    assertEquals(2, waitCount);
  }

  @Test
  void whoWaitsWhenAnotherGivesUpGivesUpToo() {
    meanwhile =
        () -> {
          meanwhile = () -> {};
          assertEquals(Errno.ETIMEDOUT, outcome());
        };
    assertEquals(Errno.ETIMEDOUT, outcome());
    assertEquals(2, waitCount);
  }
}
