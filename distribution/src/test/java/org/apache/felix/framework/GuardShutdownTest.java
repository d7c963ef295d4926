package org.apache.felix.framework;

import static org.apache.felix.framework.GuardedFramework.pinsOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.pin.BundlePins;
import io.sluice.pin.PinException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.SynchronousBundleListener;

/** The framework itself may always be stopped; until its bundles are, pins hold. */
class GuardShutdownTest {
  private static final long LIMIT_MILLIS = 20_000;

  @TempDir Path storage;
  private final List<String> events = new CopyOnWriteArrayList<>();

  /** Notes what a bundle in use meets when the framework stops. */
  private void watch(GuardedFramework guarded, Bundle used, BundlePins pins) {
    guarded
        .context()
        .addBundleListener(
            (SynchronousBundleListener)
                event -> {
                  if (event.getType() != BundleEvent.STOPPING) {
                    return;
                  }
                  events.add("stopping " + event.getBundle().getSymbolicName());
                  if (event.getBundle().getBundleId() == 0) {
                    assertThrows(PinException.class, () -> pins.pin(used.getBundleId(), "late"));
                    assertThrows(BundleException.class, used::stop);
                    events.add("kept till then");
                  }
                });
  }

  @Test
  void theFrameworkStopsWhateverIsInUse() throws Exception {
    GuardedFramework guarded = new GuardedFramework(storage);
    Bundle filter = guarded.add("filter");
    BundlePins pins = pinsOf(guarded.framework);
    pins.pin(filter.getBundleId(), "filter x on device d");
    watch(guarded, filter, pins);
    guarded.framework.stop();
    assertEquals(FrameworkEvent.STOPPED, guarded.framework.waitForStop(LIMIT_MILLIS).getType());
    assertEquals(
        List.of("stopping org.apache.felix.framework", "kept till then", "stopping filter"),
        events);
  }

  @Test
  void afterARestartPinsHoldAgain() throws Exception {
    GuardedFramework guarded = new GuardedFramework(storage);
    long id = guarded.add("filter").getBundleId();
    pinsOf(guarded.framework).pin(id, "the one before");
    guarded.framework.update();
    FrameworkEvent stopped = guarded.framework.waitForStop(LIMIT_MILLIS);
    assertEquals(FrameworkEvent.STOPPED_UPDATE, stopped.getType());
    guarded.start();
    Bundle filter = guarded.context().getBundle(id);
    assertEquals(Bundle.ACTIVE, filter.getState());
    filter.stop();
    filter.start();
    pinsOf(guarded.framework).pin(id, "the one after");
    String message = assertThrows(BundleException.class, filter::stop).getMessage();
    assertTrue(message.contains("in use by the one after;"), message);
    guarded.close();
    assertEquals(Bundle.RESOLVED, guarded.framework.getState());
  }
}
