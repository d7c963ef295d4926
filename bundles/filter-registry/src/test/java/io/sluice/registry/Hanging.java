package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A filter that keeps each WRITE until it is released, and a clock that only the test moves. READs
 * and all else pass.
 */
final class Hanging implements Filter {
  /** What it does with a write when it is released. */
  interface Way {
    void go(Bio bio, BlockDevice next, BlockDevice lower) throws ErrnoException;
  }

  static final Way PASS_ON = (bio, next, lower) -> next.submit(bio);

  final AtomicLong nanos = new AtomicLong(1);
  final List<String> calls = Collections.synchronizedList(new ArrayList<>());
  final CountDownLatch release = new CountDownLatch(1);
  volatile CountDownLatch inside = new CountDownLatch(1);
  volatile boolean heedsInterrupt;
  volatile boolean hangs = true;
  volatile Way way = PASS_ON;
  volatile FilterHost host;

  /** Run with what it is told when it is put aside. */
  volatile Runnable whenPutAside = () -> {};

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (!hangs || !bio.op().modifiesData()) {
      next.submit(bio);
      return;
    }
    inside.countDown();
    if (heedsInterrupt) {
      try {
        release.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException("woken by an interrupt", e);
      }
    } else {
      stubbornly(release);
    }
    way.go(bio, next, host.lower());
  }

  /** Waits, and swallows each interrupt. */
  static void stubbornly(CountDownLatch latch) {
    while (true) {
      try {
        latch.await();
        return;
      } catch (InterruptedException e) {
        // This is what makes it hang.
      }
    }
  }

  @Override
  public void quarantined(String fault) {
    calls.add("quarantined");
    whenPutAside.run();
  }

  @Override
  public void detach() {
    calls.add("detach");
  }

  /** Lets time pass, tick by tick as the agent would. */
  void advance(Fixture fixture, long seconds) {
    for (long i = 0; i < seconds; i++) {
      nanos.addAndGet(1_000_000_000L);
      long unused = fixture.registry.watch().tick();
    }
  }
}
