package io.sluice.blksnap.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EngineLockTest {
  @Test
  void anInterruptEndsNoWait_andIsKept() throws Exception {
    EngineLock lock = new EngineLock();
    CountDownLatch interrupted = new CountDownLatch(1);
    CompletableFuture<String> outcome = new CompletableFuture<>();
    Thread waiter =
        new Thread(
            () -> {
              Thread.currentThread().interrupt();
              interrupted.countDown();
              boolean taken = lock.tryLock(1, TimeUnit.HOURS);
              outcome.complete(taken + " " + Thread.interrupted());
            });
    lock.lock();
    try {
      waiter.start();
      interrupted.await();
      while (!lock.hasQueuedThread(waiter)) {
        Thread.onSpinWait();
      }
      waiter.interrupt();
    } finally {
      lock.unlock();
    }
    assertEquals("true true", outcome.get());
  }

  @Test
  void aWaitEndsAtItsLimit() throws Exception {
    EngineLock lock = new EngineLock();
    lock.lock();
    try {
      CompletableFuture<Boolean> taken =
          CompletableFuture.supplyAsync(() -> lock.tryLock(1, TimeUnit.MILLISECONDS));
      assertEquals(false, taken.get());
    } finally {
      lock.unlock();
    }
    assertTrue(lock.tryLock(0, TimeUnit.NANOSECONDS));
  }
}
