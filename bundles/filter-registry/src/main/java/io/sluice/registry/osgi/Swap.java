package io.sluice.registry.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.registry.ChainRegistry;
import io.sluice.registry.SuspendedFilters;
import io.sluice.swap.HandOver;
import io.sluice.swap.ProviderUser;
import io.sluice.swap.SwapReport;
import io.sluice.swap.Swappable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.wiring.BundleRevision;
import org.osgi.util.tracker.ServiceTracker;

/**
 * One replacement of one bundle. {@link #run} does it; {@link #await} waits for it, and lets
 * everybody go on at the limit, whatever the bundle's code does.
 */
final class Swap {
  /** How long the end of a swap that was cut short is waited for. */
  private static final Duration GRACE = Duration.ofSeconds(1);

  private final ChainRegistry registry;
  private final Bundle bundle;
  private final BundleFiles files;
  private final Duration drainLimit;
  private final Duration holdLimit;
  private final String task;
  private final String versionBefore;
  private final ServiceTracker<Swappable, Swappable> swappables;

  /** Who is to be resumed; whoever takes one out does it. */
  private final Deque<ProviderUser.Suspended> suspended = new ConcurrentLinkedDeque<>();

  private final AtomicReference<HandOver> handOver = new AtomicReference<>();
  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch done = new CountDownLatch(1);

  private volatile SuspendedFilters filters;
  private volatile long holdStartNanos;
  private volatile boolean othersHeld;
  private volatile boolean expired;
  private volatile SwapReport report;
  private volatile ErrnoException failure;

  Swap(
      BundleContext context,
      ChainRegistry registry,
      Bundle bundle,
      BundleFiles files,
      Duration drainLimit,
      Duration holdLimit)
      throws ErrnoException {
    this.registry = registry;
    this.bundle = bundle;
    this.files = files;
    this.drainLimit = drainLimit;
    this.holdLimit = holdLimit;
    this.task = "bundle update " + bundle.getSymbolicName();
    this.versionBefore = bundle.getVersion().toString();
    String filter =
        String.format(
            "(&(%s=%s)(%s=%d))",
            Constants.OBJECTCLASS,
            Swappable.class.getName(),
            Constants.SERVICE_BUNDLEID,
            bundle.getBundleId());
    try {
      this.swappables = new ServiceTracker<>(context, context.createFilter(filter), null);
    } catch (InvalidSyntaxException e) {
      throw new ErrnoException(Errno.EINVAL, task + ": " + e.getMessage(), e);
    }
  }

  /**
   * Replaces the bundle, or leaves it as it was; either way {@link #await} tells.
   *
   * @param whenDone run before it does
   */
  void run(Map<ServiceReference<ProviderUser>, ProviderUser> users, Runnable whenDone) {
    try {
      swappables.open();
      report = replaceHeld(users);
    } catch (ErrnoException e) {
      failure = e;
    } catch (RuntimeException | Error e) {
      failure = new ErrnoException(Errno.EIO, task + ": " + e, e);
      throw e;
    } finally {
      release("the replacement failed");
      swappables.close();
      whenDone.run();
      held.countDown();
      done.countDown();
    }
  }

  private SwapReport replaceHeld(Map<ServiceReference<ProviderUser>, ProviderUser> users)
      throws ErrnoException {
    filters = registry.suspend(bundle.getBundleId(), drainLimit);
    holdStartNanos = System.nanoTime() - filters.heldNanos();
    held.countDown();
    try {
      suspend(users);
      Swappable state = swappables.getService();
      if (state != null) {
        othersHeld = true;
        handOver.set(state.handOver(drainLimit));
      }
    } catch (ErrnoException | RuntimeException e) {
      List<String> unused = resumeAll();
      throw e instanceof ErrnoException known
          ? known
          : new ErrnoException(Errno.EIO, task + ": a user of it failed: " + e, e);
    }
    ErrnoException notReplaced = null;
    try {
      replace();
    } catch (ErrnoException e) {
      notReplaced = e;
    }
    List<String> failures = resumeAll();
    long heldNanos = othersHeld ? System.nanoTime() - holdStartNanos : filters.heldNanos();
    String text = failures.isEmpty() ? "" : "; " + String.join("; ", failures);
    if (notReplaced != null) {
      throw new ErrnoException(notReplaced.errno(), notReplaced.text() + text, notReplaced);
    }
    if (!failures.isEmpty()) {
      throw new ErrnoException(
          Errno.EIO,
          task + ": version " + bundle.getVersion() + " runs now, but" + text.substring(1));
    }
    return new SwapReport(
        bundle.getSymbolicName(), versionBefore, bundle.getVersion().toString(), heldNanos);
  }

  private void suspend(Map<ServiceReference<ProviderUser>, ProviderUser> users)
      throws ErrnoException {
    for (Map.Entry<ServiceReference<ProviderUser>, ProviderUser> user : users.entrySet()) {
      // What the bundle uses of itself goes with it.
      if (!bundle.equals(user.getKey().getBundle())) {
        ProviderUser.Suspended now = user.getValue().suspend(bundle.getBundleId(), drainLimit);
        if (now != ProviderUser.Suspended.NOTHING) {
          othersHeld = true;
          suspended.push(now);
        }
      }
    }
  }

  private void replace() throws ErrnoException {
    if (expired) {
      throw new ErrnoException(
          Errno.EAGAIN, task + ": its users did not come to rest within " + holdText());
    }
    boolean active = (bundle.getState() & (Bundle.ACTIVE | Bundle.STARTING)) != 0;
    BundleRevision before = bundle.adapt(BundleRevision.class);
    String reason;
    try {
      update(files.fresh(), active);
      return;
    } catch (BundleException | IOException | RuntimeException e) {
      reason = reason(e);
    }
    boolean same = before.equals(bundle.adapt(BundleRevision.class));
    if (same && (!active || bundle.getState() == Bundle.ACTIVE)) {
      throw new ErrnoException(Errno.EBUSY, task + ": " + reason);
    }
    String text = task + ": the new content does not start: " + reason;
    try {
      if (same) {
        bundle.start(Bundle.START_TRANSIENT);
      } else {
        update(files.old(), active);
      }
    } catch (BundleException | IOException | RuntimeException e) {
      throw new ErrnoException(
          Errno.EINVAL, text + "; nor does version " + versionBefore + " again: " + reason(e), e);
    }
    throw new ErrnoException(Errno.EINVAL, text + "; version " + versionBefore + " runs on");
  }

  private void update(java.io.File jar, boolean active) throws BundleException, IOException {
    try (InputStream content = Files.newInputStream(jar.toPath())) {
      bundle.update(content);
    }
    if (active && bundle.getState() != Bundle.ACTIVE) {
      bundle.start(Bundle.START_TRANSIENT);
    }
  }

  private static String reason(Exception failure) {
    Throwable cause = failure;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return failure instanceof BundleException && cause == failure
        ? failure.getMessage()
        : cause.toString();
  }

  private List<String> resumeAll() {
    List<String> failures = new ArrayList<>();
    try {
      filters.resume(left());
    } catch (ErrnoException e) {
      failures.add(e.text());
    }
    takeOver(failures);
    resumeOthers(left(), failures);
    return failures;
  }

  private void takeOver(List<String> failures) {
    HandOver state = handOver.get();
    if (state == null) {
      return;
    }
    String reason;
    try {
      Swappable successor = swappables.waitForService(Math.max(1, left().toMillis()));
      if (!handOver.compareAndSet(state, null)) {
        return;
      }
      if (successor != null) {
        successor.takeOver(state);
        return;
      }
      reason = "nobody took over its state";
    } catch (ErrnoException | RuntimeException e) {
      reason = "its state was not taken over: " + e.getMessage();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      reason = "its state was not taken over, since the thread was interrupted";
    }
    failures.add(reason + ", and is lost");
    close(state);
  }

  private void resumeOthers(Duration limit, List<String> failures) {
    for (ProviderUser.Suspended next = suspended.poll(); next != null; next = suspended.poll()) {
      try {
        next.resume(limit);
      } catch (ErrnoException e) {
        failures.add(e.text());
      } catch (RuntimeException e) {
        failures.add("a user of it failed: " + e);
      }
    }
  }

  private static void close(HandOver state) {
    try {
      state.close();
    } catch (UncheckedIOException e) {
      // It is given up in any case.
    }
  }

  /** Lets go of whatever is still held back. */
  private void release(String reason) {
    SuspendedFilters now = filters;
    if (now != null) {
      now.expire(reason);
    }
    HandOver state = handOver.getAndSet(null);
    if (state != null) {
      close(state);
    }
    List<String> failures = new ArrayList<>();
    resumeOthers(Duration.ZERO, failures);
  }

  private Duration left() {
    long leftNanos = holdLimit.toNanos() - (System.nanoTime() - holdStartNanos);
    return Duration.ofNanos(Math.max(0, leftNanos));
  }

  private String holdText() {
    return holdLimit.toMillis() + " ms";
  }

  /**
   * Waits until it is done. Once the bundle's users have been held back for the limit, they go on
   * without it.
   *
   * @throws ErrnoException why it was not done, or not whole
   */
  SwapReport await() throws ErrnoException {
    boolean interrupted = awaitUninterruptibly(held, Duration.ofNanos(Long.MAX_VALUE));
    interrupted |= awaitUninterruptibly(done, left());
    if (done.getCount() > 0) {
      expired = true;
      release("its bundle was not replaced within " + holdText());
      interrupted |= awaitUninterruptibly(done, GRACE);
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (done.getCount() > 0) {
      throw new ErrnoException(
          Errno.EIO,
          task
              + ": not done after "
              + holdText()
              + ", the limit: its users go on without it, or fail, as attached; its activator may"
              + " hang");
    }
    if (failure != null) {
      throw failure;
    }
    return report;
  }

  /** Returns whether the thread was interrupted, which does not end the waiting. */
  private static boolean awaitUninterruptibly(CountDownLatch latch, Duration limit) {
    boolean interrupted = false;
    long startNanos = System.nanoTime();
    while (true) {
      try {
        long leftNanos = limit.toNanos() - (System.nanoTime() - startNanos);
        boolean unused = latch.await(leftNanos, TimeUnit.NANOSECONDS);
        return interrupted;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
  }
}
