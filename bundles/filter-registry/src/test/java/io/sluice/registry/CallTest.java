package io.sluice.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call and its watcher, step by step and against each other. */
@Timeout(120)
final class CallTest {
  private static final int RACE_COUNT = 20_000;

  private final CallStacks stacks = new CallStacks(() -> 1, Runnable::run);

  private Call begun() {
    Call call = stacks.mine().prepare(null, 1);
    call.begin(0);
    return call;
  }

  @Test
  void aLookDoesNotOutliveWhatItSaw() {
    Call call = begun();
    long first = call.look();
    assertTrue(Call.isInside(first));
    assertTrue(call.goBelow());
    assertFalse(call.startEviction(first), "it is below");
    assertFalse(Call.isInside(call.look()));
    call.comeBack();
    assertFalse(call.startEviction(first), "it was below meanwhile");
    assertFalse(call.interrupt(first, true));
    assertEquals(Call.INSIDE, call.end());
    call.begin(0);
    assertFalse(call.startEviction(first), "it is another call");
    assertFalse(Thread.currentThread().isInterrupted());
    assertEquals(Call.INSIDE, call.end());
  }

  @Test
  void whatWasEvictedStaysOut() {
    Call call = begun();
    long look = call.look();
    assertTrue(call.startEviction(look));
    call.finishEviction(look);
    assertFalse(call.goBelow());
    assertFalse(call.goBelow());
    assertEquals(Call.EVICTED, call.end());
    call.begin(0);
    assertTrue(call.goBelow(), "the next call is another matter");
    call.comeBack();
    assertEquals(Call.INSIDE, call.end());
  }

  @Test
  void theInterruptIsTakenBackOnTheWayBelowToo() {
    Call call = begun();
    assertTrue(call.interrupt(call.look(), true));
    assertTrue(Call.isLate(call.look()));
    assertTrue(Thread.currentThread().isInterrupted());
    assertTrue(call.goBelow());
    assertFalse(Thread.currentThread().isInterrupted());
    call.comeBack();
    assertTrue(Call.isLate(call.look()));
    assertEquals(Call.LATE, call.end());
  }

  @Test
  void anInterruptOfSomebodyElseIsNot() {
    Call call = begun();
    Thread.currentThread().interrupt();
    assertTrue(call.interrupt(call.look(), true));
    assertEquals(Call.LATE, call.end());
    assertTrue(Thread.interrupted());
  }

  /** The thread goes below while the watcher evicts: exactly one of them has its way. */
  @Test
  void evictionAndPassExcludeEachOther() throws Exception {
    Call[] current = new Call[1];
    boolean[] evicted = new boolean[1];
    CyclicBarrier step = new CyclicBarrier(2);
    Worker watcher =
        Worker.start(
            "watcher",
            () -> {
              for (int i = 0; i < RACE_COUNT; i++) {
                step.await();
                long look = current[0].look();
                evicted[0] = Call.isInside(look) && current[0].startEviction(look);
                if (evicted[0]) {
                  current[0].finishEviction(look);
                }
                step.await();
              }
            });
    for (int i = 0; i < RACE_COUNT; i++) {
      Call call = begun();
      current[0] = call;
      step.await();
      boolean below = call.goBelow();
      step.await();
      assertNotEquals(below, evicted[0], "round " + i);
      if (below) {
        call.comeBack();
      }
      assertEquals(below ? Call.INSIDE : Call.EVICTED, call.end());
    }
    watcher.join();
  }
}
