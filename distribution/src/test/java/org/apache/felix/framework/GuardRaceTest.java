package org.apache.felix.framework;

import static org.apache.felix.framework.GuardedFramework.await;
import static org.apache.felix.framework.GuardedFramework.pinsOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.pin.BundlePins;
import io.sluice.pin.BundlePins.Pin;
import io.sluice.pin.PinException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.wiring.BundleWiring;

/** Threads that use a bundle against threads that take it down. */
class GuardRaceTest {
  private static final int USES_PER_THREAD = 5000;
  private static final int USER_COUNT = 2;

  /** For a machine that is busy with other things; never reached in order. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** Refusals by the hundred are what this is about. Held here, or its level would be forgotten. */
  private static final Logger PINS_LOG = Logger.getLogger("io.sluice.pin");

  @TempDir Path storage;
  private final Queue<String> violations = new ConcurrentLinkedQueue<>();

  /** Pins that are held for sure: counted after they are taken and before they are given back. */
  private final AtomicInteger held = new AtomicInteger();

  private final AtomicInteger pinned = new AtomicInteger();
  private final AtomicInteger refused = new AtomicInteger();
  private final AtomicInteger downs = new AtomicInteger();
  private final AtomicInteger running = new AtomicInteger(USER_COUNT);

  @BeforeEach
  void silence() {
    PINS_LOG.setLevel(Level.OFF);
  }

  @AfterEach
  void speak() {
    PINS_LOG.setLevel(null);
  }

  @Test
  void nothingInUseIsEverTakenDown() throws Exception {
    long seed = Long.getLong("sluice.test.seed", new AtomicLong(System.nanoTime()).get());
    System.out.println("GuardRaceTest: replay with -Dsluice.test.seed=" + seed);
    SplittableRandom random = new SplittableRandom(seed);
    GuardedFramework guarded = new GuardedFramework(storage);
    try {
      Bundle lib = guarded.add("lib", "Export-Package", "lib.api");
      Bundle filter = guarded.add("filter", "Import-Package", "lib.api");
      guarded.context().addBundleListener((SynchronousBundleListener) this::checkStop);
      ExecutorService threads = Executors.newCachedThreadPool();
      try {
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < USER_COUNT; i++) {
          SplittableRandom own = random.split();
          all.add(threads.submit(() -> use(guarded, filter, own)));
        }
        all.add(threads.submit(() -> restart(filter)));
        all.add(threads.submit(() -> refresh(guarded, lib, filter)));
        for (Future<?> each : all) {
          each.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        }
      } finally {
        running.set(0);
        threads.shutdown();
      }
    } finally {
      guarded.close();
    }
    assertEquals(List.of(), List.copyOf(violations));
    String counts =
        pinned + " pins, " + downs + " times down, " + refused + " refusals; seed " + seed;
    System.out.println("GuardRaceTest: " + counts);
    assertTrue(pinned.get() > 0 && downs.get() > 0 && refused.get() > 0, counts);
  }

  private void checkStop(BundleEvent event) {
    if (event.getType() == BundleEvent.STOPPING && event.getBundle().getBundleId() != 0) {
      downs.incrementAndGet();
      if (held.get() > 0) {
        violations.add(event.getBundle() + " stopped with " + held + " pins held");
      }
    }
  }

  private Void use(GuardedFramework guarded, Bundle filter, SplittableRandom random) {
    BundlePins pins = pinsOf(guarded.framework);
    try {
      for (int i = 0; i < USES_PER_THREAD; i++) {
        try {
          Pin pin = pins.pin(filter.getBundleId(), "user");
          held.incrementAndGet();
          pinned.incrementAndGet();
          BundleWiring wiring = filter.adapt(BundleWiring.class);
          spin(random);
          if (filter.getState() == Bundle.RESOLVED || !wiring.isInUse()) {
            violations.add("used in state " + filter.getState());
          }
          held.decrementAndGet();
          pin.close();
          spin(random);
        } catch (PinException e) {
          // It is on its way down.
          Thread.onSpinWait();
        }
      }
      return null;
    } finally {
      running.decrementAndGet();
    }
  }

  private static void spin(SplittableRandom random) {
    for (int spins = random.nextInt(2000); spins > 0; spins--) {
      Thread.onSpinWait();
    }
  }

  private Void restart(Bundle filter) throws BundleException {
    while (running.get() > 0) {
      try {
        filter.stop();
      } catch (BundleException e) {
        refused.incrementAndGet();
      }
      try {
        filter.start();
      } catch (BundleException e) {
        // Felix itself, while a refresh holds what a start needs: "Unable to acquire global lock".
        Thread.onSpinWait();
      }
    }
    return null;
  }

  private Void refresh(GuardedFramework guarded, Bundle... targets) throws Exception {
    while (running.get() > 0) {
      for (Bundle target : targets) {
        await(
            event -> event.getType() == FrameworkEvent.PACKAGES_REFRESHED,
            listener -> guarded.wiring().refreshBundles(List.of(target), listener));
      }
    }
    return null;
  }
}
