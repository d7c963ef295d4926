package io.sluice.origin.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FlushGateTest {
  private static final int WAITER_COUNT = 5;

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final AtomicInteger flushCount = new AtomicInteger();
  private final CountDownLatch firstRuns = new CountDownLatch(1);
  private final Semaphore passes = new Semaphore(0);
  private volatile int failingFlush = -1;
  private final FlushGate gate =
      new FlushGate(
          () -> {
            int number = flushCount.incrementAndGet();
            firstRuns.countDown();
            passes.acquireUninterruptibly();
            if (number == failingFlush) {
              throw new ErrnoException(Errno.EIO, "flush " + number);
            }
          });

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  private Future<Boolean> flush() {
    return threads.submit(
        () -> {
          gate.flush();
          return true;
        });
  }

  /** One flush that runs, and several that came while it did. */
  private List<Future<Boolean>> flushesBehindOne() throws InterruptedException {
    List<Future<Boolean>> flushes = new ArrayList<>(List.of(flush()));
    firstRuns.await();
    for (int i = 0; i < WAITER_COUNT; i++) {
      flushes.add(flush());
    }
    while (gate.waiterCount() < WAITER_COUNT) {
      Thread.onSpinWait();
    }
    return flushes;
  }

  @Test
  void oneFlushServesAllWhoCameBeforeItAndNoneWhoCameDuringIt() throws Exception {
    List<Future<Boolean>> flushes = flushesBehindOne();
    passes.release();
    assertTrue(flushes.get(0).get());
    passes.release();
    for (Future<Boolean> each : flushes) {
      assertTrue(each.get(30, TimeUnit.SECONDS));
    }
    assertEquals(2, flushCount.get());
  }

  @Test
  void failureReachesAllItServedAndNobodyElse() throws Exception {
    failingFlush = 2;
    List<Future<Boolean>> flushes = flushesBehindOne();
    passes.release(2);
    assertTrue(flushes.get(0).get());
    for (Future<Boolean> each : flushes.subList(1, flushes.size())) {
      ExecutionException e = assertThrows(ExecutionException.class, each::get);
      assertEquals(Errno.EIO, ((ErrnoException) e.getCause()).errno());
    }
    passes.release();
    assertTrue(flush().get());
    assertEquals(3, flushCount.get());
  }
}
