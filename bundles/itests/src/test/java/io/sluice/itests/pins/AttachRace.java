package io.sluice.itests.pins;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.wiring.FrameworkWiring;

/** Threads that attach a filter against one that restarts its bundle and one that refreshes it. */
final class AttachRace {
  private static final int ROUNDS_PER_DEVICE = 20;
  private static final long LIMIT_SECONDS = 100;

  private final ProductFramework product;
  private final Bundle bundle;
  private final String filter;

  /** Filters attached for sure: counted after the attach and before the detach. */
  private final AtomicInteger held = new AtomicInteger();

  private final AtomicInteger downs = new AtomicInteger();
  private final AtomicInteger refusals = new AtomicInteger();
  private final Queue<String> violations = new ConcurrentLinkedQueue<>();

  /** What the others may do: a step of each for each attach, so that nobody starves. */
  private final Semaphore restarts = new Semaphore(1);

  private final Semaphore refreshes = new Semaphore(1);
  private volatile boolean over;

  AttachRace(ProductFramework product, Bundle bundle, String filter) {
    this.product = product;
    this.bundle = bundle;
    this.filter = filter;
  }

  /** Runs to the end of all rounds and checks that the bundle was never stopped in use. */
  void run(List<String> devices) throws Exception {
    SynchronousBundleListener listener = this::checkStop;
    product.context().addBundleListener(listener);
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      List<Future<?>> all = new ArrayList<>();
      devices.forEach(device -> all.add(threads.submit(() -> attach(device))));
      Future<?> restarter = threads.submit(this::restart);
      Future<?> refresher = threads.submit(this::refresh);
      for (Future<?> each : all) {
        each.get(LIMIT_SECONDS, TimeUnit.SECONDS);
      }
      end();
      restarter.get(LIMIT_SECONDS, TimeUnit.SECONDS);
      refresher.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    } finally {
      end();
      threads.shutdown();
      product.context().removeBundleListener(listener);
    }
    assertEquals(List.of(), List.copyOf(violations));
    String counts = "AttachRace: " + downs + " times down, " + refusals + " refusals";
    System.out.println(counts);
    assertTrue(downs.get() > 0, counts);
  }

  private void end() {
    over = true;
    restarts.release();
    refreshes.release();
  }

  private void checkStop(BundleEvent event) {
    if (event.getType() == BundleEvent.STOPPING && event.getBundle().equals(bundle)) {
      downs.incrementAndGet();
      if (held.get() > 0) {
        violations.add("stopped with " + held + " attached");
      }
    }
  }

  private Void attach(String device) {
    int round = 0;
    while (round < ROUNDS_PER_DEVICE && !over) {
      if (!product.ask("attach " + device + " " + filter).equals(Probe.DONE)) {
        // It is on its way down, or has not come back.
        Thread.onSpinWait();
        continue;
      }
      held.incrementAndGet();
      round++;
      restarts.release();
      refreshes.release();
      if ((bundle.getState() & (Bundle.ACTIVE | Bundle.STARTING)) == 0) {
        violations.add("attached in state " + bundle.getState());
      }
      held.decrementAndGet();
      product.done("detach " + device + " " + filter);
    }
    return null;
  }

  private Void restart() throws Exception {
    while (!over) {
      restarts.acquire();
      try {
        bundle.stop();
      } catch (BundleException e) {
        refusals.incrementAndGet();
      }
      // A refresh may hold what a start needs; Felix then fails the start.
      while (bundle.getState() != Bundle.ACTIVE) {
        try {
          bundle.start();
        } catch (BundleException e) {
          Thread.onSpinWait();
        }
      }
    }
    return null;
  }

  private Void refresh() throws Exception {
    FrameworkWiring wiring = product.framework.adapt(FrameworkWiring.class);
    while (!over) {
      refreshes.acquire();
      CountDownLatch refreshed = new CountDownLatch(1);
      wiring.refreshBundles(List.of(bundle), event -> refreshed.countDown());
      assertTrue(refreshed.await(LIMIT_SECONDS, TimeUnit.SECONDS), "refreshed in time");
    }
    return null;
  }
}
