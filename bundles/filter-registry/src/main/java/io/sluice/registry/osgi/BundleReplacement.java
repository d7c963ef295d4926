package io.sluice.registry.osgi;

import static java.lang.System.Logger.Level.INFO;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.registry.ChainRegistry;
import io.sluice.swap.BundleSwap;
import io.sluice.swap.ProviderUser;
import io.sluice.swap.SwapReport;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.util.tracker.ServiceTracker;

/** Replaces bundles, one at a time, each in a thread that the caller does not wait for for ever. */
final class BundleReplacement implements BundleSwap {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final BundleContext context;
  private final ChainRegistry registry;
  private final Duration drainLimit;
  private final Duration holdLimit;
  private final ServiceTracker<ProviderUser, ProviderUser> users;

  /** The bundle being replaced; null if none is. */
  private final AtomicReference<String> running = new AtomicReference<>();

  /**
   * @param drainLimit how long calls that run may take to end
   * @param holdLimit how long anybody is held back
   */
  BundleReplacement(
      BundleContext context, ChainRegistry registry, Duration drainLimit, Duration holdLimit) {
    this.context = context;
    this.registry = registry;
    this.drainLimit = drainLimit;
    this.holdLimit = holdLimit;
    this.users = new ServiceTracker<>(context, ProviderUser.class, null);
  }

  void open() {
    users.open();
  }

  void close() {
    users.close();
  }

  @Override
  public SwapReport swap(long bundleId, InputStream content) throws ErrnoException {
    try (InputStream closed = content) {
      Bundle bundle = bundle(bundleId);
      BundleFiles files = BundleFiles.stage(context, bundle, closed);
      String other = running.compareAndExchange(null, bundle.getSymbolicName());
      if (other != null) {
        files.delete();
        throw new ErrnoException(
            Errno.EBUSY,
            "bundle update "
                + bundle.getSymbolicName()
                + ": bundle "
                + other
                + " is being replaced, and only one is at a time; try again");
      }
      return run(new Swap(context, registry, bundle, files, drainLimit, holdLimit), files);
    } catch (ErrnoException e) {
      throw e;
    } catch (IOException e) {
      throw new ErrnoException(Errno.EIO, "bundle update " + bundleId + ": " + e, e);
    }
  }

  private Bundle bundle(long bundleId) throws ErrnoException {
    String task = "bundle update " + bundleId;
    Bundle bundle =
        Optional.ofNullable(context.getBundle(bundleId))
            .orElseThrow(
                () -> new ErrnoException(Errno.ENOENT, task + ": there is no such bundle"));
    if (bundleId == Constants.SYSTEM_BUNDLE_ID) {
      throw new ErrnoException(
          Errno.EBUSY, task + ": it is the framework; install the new agent and restart it");
    }
    if (bundle.equals(context.getBundle())) {
      throw new ErrnoException(
          Errno.EBUSY,
          task + ": it is the filter registry, which replaces bundles and can't replace itself");
    }
    if (bundle.getHeaders("").get(Constants.FRAGMENT_HOST) != null) {
      throw new ErrnoException(
          Errno.EINVAL, task + ": it is a fragment; update the bundle that it belongs to");
    }
    return bundle;
  }

  private SwapReport run(Swap swap, BundleFiles files) throws ErrnoException {
    Map<ServiceReference<ProviderUser>, ProviderUser> asked = users.getTracked();
    Runnable whenDone =
        () -> {
          files.delete();
          running.set(null);
        };
    Thread thread = new Thread(() -> swap.run(asked, whenDone), "sluice-bundle-swap");
    thread.setDaemon(true);
    thread.start();
    SwapReport report = swap.await();
    LOG.log(
        INFO,
        "bundle {0} replaced: {1} by {2}, {3} us held",
        report.symbolicName(),
        report.versionBefore(),
        report.versionNow(),
        report.holdNanos() / 1000);
    return report;
  }
}
