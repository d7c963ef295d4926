package io.sluice.registry.osgi;

import static java.lang.System.Logger.Level.ERROR;

import io.sluice.registry.ChainRegistry;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.Constants;
import org.osgi.framework.SynchronousBundleListener;

/**
 * Meets bundles that stop all the same. The framework waits for a synchronous listener: what a
 * bundle provides is let go of before its activator stops.
 */
final class BundleWatch implements SynchronousBundleListener {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final ChainRegistry registry;
  private final OriginDrop origins;
  private final Restore restore;
  private final Duration limit;

  /** Drops the devices on origins of a bundle. */
  @FunctionalInterface
  interface OriginDrop {
    void drop(Bundle bundle);
  }

  /** Makes the devices that waited for a bundle. */
  @FunctionalInterface
  interface Restore {
    /**
     * @param complete whether the framework has started all
     */
    void restore(boolean complete);
  }

  /**
   * @param restore told when a bundle has started: devices that waited for it can be made
   * @param limit how long a bundle that stops is kept waiting
   */
  BundleWatch(ChainRegistry registry, OriginDrop origins, Restore restore, Duration limit) {
    this.registry = registry;
    this.origins = origins;
    this.restore = restore;
    this.limit = limit;
  }

  @Override
  public void bundleChanged(BundleEvent event) {
    Bundle bundle = event.getBundle();
    // Of the framework's own stop nothing follows here: its bundles stop one by one, and those that
    // let clients in come first. A filter that left before them would leave clients without it.
    boolean framework = bundle.getBundleId() == Constants.SYSTEM_BUNDLE_ID;
    if (event.getType() == BundleEvent.STOPPING && !framework) {
      runWithin(
          "bundle " + bundle + " stops",
          () -> {
            registry.dropBundle(bundle.getBundleId());
            origins.drop(bundle);
          });
    } else if (event.getType() == BundleEvent.STOPPED) {
      registry.forgetBundle(bundle.getBundleId());
    } else if (event.getType() == BundleEvent.STARTED) {
      restore.restore(framework);
    }
  }

  /** Nothing that a filter or an origin does may keep a framework from stopping. */
  private void runWithin(String why, Runnable task) {
    Thread thread = new Thread(task, "sluice-registry-release");
    thread.setDaemon(true);
    thread.start();
    boolean interrupted = false;
    long endNanos = System.nanoTime() + limit.toNanos();
    while (thread.isAlive() && endNanos - System.nanoTime() > 0) {
      try {
        TimeUnit.NANOSECONDS.timedJoin(thread, endNanos - System.nanoTime());
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (thread.isAlive()) {
      LOG.log(
          ERROR,
          "{0}, and what is in use is not released after {1} s, the limit",
          why,
          limit.toSeconds());
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
