package io.sluice.registry;

import static io.sluice.registry.Fixture.refused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The gate's promise is that after {@code close} and a drain nobody is inside, and that a closer is
 * always woken. {@link #violations} puts a closer between any two steps of a bio's passage, one
 * after the other, so every way to interleave the two is tried and none by luck.
 */
@Timeout(120)
final class GateTest {
  private static final long PATIENCE_NANOS = Fixture.PATIENCE.toNanos();

  /** A gate whose small steps report themselves, so that a closer can come in after any of them. */
  static class SteppedGate extends Gate {
    Runnable afterStep = () -> {};
    Runnable onAwaitOpen = () -> {};
    Runnable onWake = () -> {};

    SteppedGate() {
      super("device test", 2);
    }

    @Override
    void count(int stripe) {
      super.count(stripe);
      afterStep.run();
    }

    @Override
    void uncount(int stripe) {
      super.uncount(stripe);
      afterStep.run();
    }

    @Override
    boolean isOpen() {
      boolean open = super.isOpen();
      afterStep.run();
      return open;
    }

    @Override
    void wakeCloser() {
      onWake.run();
      super.wakeCloser();
      afterStep.run();
    }

    @Override
    void awaitOpen() throws ErrnoException {
      onAwaitOpen.run();
      super.awaitOpen();
    }
  }

  /** Looks whether the gate is open before it counts the bio in. */
  static final class EnterLooksFirst extends SteppedGate {
    @Override
    int enter() throws ErrnoException {
      while (!isOpen()) {
        awaitOpen();
      }
      count(1);
      return 1;
    }
  }

  /** Does not count a bio in at all. */
  static final class EnterDoesNotCount extends SteppedGate {
    @Override
    void count(int stripe) {
      afterStep.run();
    }

    @Override
    void uncount(int stripe) {
      afterStep.run();
    }
  }

  /** Counts a bio in, and looks no more. */
  static final class EnterDoesNotLook extends SteppedGate {
    @Override
    int enter() {
      count(1);
      return 1;
    }
  }

  /** Leaves the bio counted. */
  static final class ExitDoesNotCount extends SteppedGate {
    @Override
    void exit(int stripe) {
      if (!isOpen()) {
        wakeCloser();
      }
    }
  }

  /** Looks whether somebody waits before it counts the bio out. */
  static final class ExitLooksFirst extends SteppedGate {
    @Override
    void exit(int stripe) {
      boolean open = isOpen();
      uncount(stripe);
      if (!open) {
        wakeCloser();
      }
    }
  }

  /** Forgets the closer. */
  static final class ExitDoesNotWake extends SteppedGate {
    @Override
    void exit(int stripe) {
      uncount(stripe);
    }
  }

  private static final int BEFORE = -1;

  @FunctionalInterface
  private interface GateMaker {
    SteppedGate make();
  }

  /**
   * Runs the passage of one bio with the closer after step 0, 1, 2, … and tells what went wrong.
   */
  private static List<String> violations(GateMaker maker) throws ErrnoException {
    List<String> violations = new ArrayList<>();
    for (int at = BEFORE; ; at++) {
      Passage passage = new Passage(maker.make(), at);
      passage.run(violations);
      if (!passage.closerCame) {
        return violations;
      }
    }
  }

  /** One bio that enters and leaves, and a closer that comes after the n-th step. */
  private static final class Passage {
    final SteppedGate gate;
    final int at;
    int step;
    boolean inside;
    boolean closerCame;
    boolean closerWaits;
    boolean holding;
    boolean reopened;
    List<String> violations;

    Passage(SteppedGate gate, int at) {
      this.gate = gate;
      this.at = at;
    }

    void run(List<String> found) throws ErrnoException {
      violations = found;
      gate.afterStep = this::afterStep;
      gate.onWake = this::look;
      // A bio that backs off lets the closer finish: nobody else is there to wake it later.
      gate.onAwaitOpen = this::reopen;
      if (at == BEFORE) {
        comeAndClose();
      }
      int stripe = gate.enter();
      inside = true;
      if (holding) {
        violations.add("closed after step " + at + ": a bio entered a drained gate");
      }
      afterStep();
      inside = false;
      gate.exit(stripe);
      gate.afterStep = () -> {};
      if (closerWaits) {
        violations.add("closed after step " + at + ": the closer waits for ever");
      }
      if (!gate.awaitDrained(0)) {
        violations.add("closed after step " + at + ": a bio that left is still counted");
      }
    }

    private void afterStep() {
      if (step++ == at) {
        comeAndClose();
      }
    }

    private void comeAndClose() {
      closerCame = true;
      gate.close();
      closerWaits = true;
      look();
    }

    /** What the closer does when it comes and each time it is woken. */
    private void look() {
      if (closerWaits && gate.awaitDrained(0)) {
        closerWaits = false;
        holding = !reopened;
        if (inside) {
          violations.add("closed after step " + at + ": drained with a bio inside");
        }
      }
    }

    private void reopen() {
      if (closerWaits) {
        violations.add("closed after step " + at + ": a bio backed off and the closer waits on");
      }
      holding = false;
      reopened = true;
      gate.open();
    }
  }

  @Test
  void nobodyIsInsideADrainedGate_howeverTheStepsFall() throws ErrnoException {
    assertEquals(List.of(), violations(SteppedGate::new));
  }

  @Test
  void theCheckKillsEveryMutant() throws ErrnoException {
    assertKilled("entered a drained gate", EnterLooksFirst::new);
    assertKilled("drained with a bio inside", EnterDoesNotCount::new);
    assertKilled("entered a drained gate", EnterDoesNotLook::new);
    assertKilled("is still counted", ExitDoesNotCount::new);
    assertKilled("waits for ever", ExitLooksFirst::new);
    assertKilled("waits for ever", ExitDoesNotWake::new);
  }

  private static void assertKilled(String by, GateMaker mutant) throws ErrnoException {
    List<String> violations = violations(mutant);
    assertTrue(
        violations.stream().anyMatch(violation -> violation.contains(by)),
        () -> mutant.make().getClass().getSimpleName() + " survives: " + violations);
  }

  @Test
  void threadsAreNeverInsideWhileItIsDrained() throws Exception {
    Gate gate = Gate.ofDataPath("device test");
    AtomicInteger insideCount = new AtomicInteger();
    AtomicInteger passageCount = new AtomicInteger();
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      workers.add(
          Worker.start(
              "passer " + i,
              () -> {
                while (true) {
                  int stripe;
                  try {
                    stripe = gate.enter();
                  } catch (ErrnoException shut) {
                    assertEquals(Errno.ESHUTDOWN, shut.errno());
                    return;
                  }
                  insideCount.incrementAndGet();
                  passageCount.incrementAndGet();
                  insideCount.decrementAndGet();
                  gate.exit(stripe);
                }
              }));
    }
    for (int round = 0; round < 300; round++) {
      gate.close();
      assertTrue(gate.awaitDrained(PATIENCE_NANOS));
      assertEquals(0, insideCount.get(), "round " + round);
      int passages = passageCount.get();
      assertEquals(passages, passageCount.get(), "round " + round);
      gate.open();
      awaitMoreThan(passageCount, passages);
    }
    gate.shut();
    for (Worker worker : workers) {
      worker.join();
    }
    assertEquals(0, gate.insideCount());
  }

  private static void awaitMoreThan(AtomicInteger counter, int value) {
    long endNanos = System.nanoTime() + PATIENCE_NANOS;
    while (counter.get() <= value) {
      assertFalse(System.nanoTime() > endNanos, "nobody gets in");
      LockSupport.parkNanos(10_000);
    }
  }

  @Test
  void drainGivesUpAtItsLimit() throws ErrnoException {
    Gate gate = new Gate("device test", 1);
    int stripe = gate.enter();
    gate.close();
    assertFalse(gate.awaitDrained(1_000_000));
    assertEquals(1, gate.insideCount());
    gate.exit(stripe);
    assertTrue(gate.awaitDrained(0));
  }

  @Test
  void interruptDoesNotEndTheWaiting() throws Exception {
    Gate gate = new Gate("device test", 1);
    gate.close();
    CountDownLatch in = new CountDownLatch(1);
    AtomicInteger flagSeen = new AtomicInteger();
    Worker waiter =
        Worker.start(
            "waiter",
            () -> {
              int stripe = gate.enter();
              flagSeen.set(Thread.currentThread().isInterrupted() ? 1 : -1);
              in.countDown();
              gate.exit(stripe);
            });
    waiter.awaitWaiting();
    waiter.thread.interrupt();
    waiter.awaitWaiting();
    assertEquals(1, in.getCount(), "still outside");
    gate.open();
    waiter.join();
    assertEquals(1, flagSeen.get(), "the flag is kept");
  }

  @Test
  void interruptDoesNotEndTheDraining() throws Exception {
    Gate gate = new Gate("device test", 1);
    int stripe = gate.enter();
    AtomicInteger outcome = new AtomicInteger();
    Worker closer =
        Worker.start(
            "closer",
            () -> {
              gate.close();
              boolean drained = gate.awaitDrained(PATIENCE_NANOS);
              outcome.set((drained ? 1 : 0) + (Thread.interrupted() ? 2 : 0));
            });
    closer.awaitWaiting();
    closer.thread.interrupt();
    closer.awaitWaiting();
    gate.exit(stripe);
    closer.join();
    assertEquals(3, outcome.get(), "drained, and the flag is kept");
  }

  @Test
  void shutTurnsWaitersAwayForGood() throws Exception {
    Gate gate = new Gate("device test", 1);
    gate.close();
    Worker waiter =
        Worker.start("waiter", () -> refused(Errno.ESHUTDOWN, gate::enter, "device test"));
    waiter.awaitWaiting();
    gate.shut();
    waiter.join();
    gate.open();
    refused(Errno.ESHUTDOWN, gate::enter);
    assertTrue(gate.awaitDrained(0));
  }
}
