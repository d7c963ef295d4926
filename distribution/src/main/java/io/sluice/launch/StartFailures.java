package io.sluice.launch;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;

/**
 * Remembers why bundles failed to start, which the framework only tells its listeners, in a thread
 * of its own and in order: with the news that it has started, all failures are known.
 */
final class StartFailures implements FrameworkListener {
  private static final int LIMIT_SECONDS = 5;

  /** The first failure of each bundle; written by the framework's event thread. */
  private final Map<Bundle, Throwable> failures = new ConcurrentHashMap<>();

  private final CountDownLatch started = new CountDownLatch(1);

  @Override
  public void frameworkEvent(FrameworkEvent event) {
    if (event.getType() == FrameworkEvent.ERROR && event.getThrowable() != null) {
      failures.putIfAbsent(event.getBundle(), event.getThrowable());
    } else if (event.getType() == FrameworkEvent.STARTED) {
      started.countDown();
    }
  }

  /** Why a bundle failed, in words. Of use once the framework's start has returned. */
  String of(Bundle bundle) {
    try {
      // At the limit the reason may be missing; the failure itself is known otherwise.
      boolean unused = started.await(LIMIT_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Throwable failure = failures.get(bundle);
    return failure == null ? "no reason was given" : Reasons.of(failure);
  }
}
