package io.sluice.launch;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.framework.Bundle;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.FrameworkListener;

/** Remembers why bundles failed to start, which the framework only tells its listeners. */
final class StartFailures implements FrameworkListener {
  /** The first failure of each bundle; written by the framework's event thread. */
  private final Map<Bundle, Throwable> failures = new ConcurrentHashMap<>();

  @Override
  public void frameworkEvent(FrameworkEvent event) {
    if (event.getType() == FrameworkEvent.ERROR && event.getThrowable() != null) {
      failures.putIfAbsent(event.getBundle(), event.getThrowable());
    }
  }

  /** Why a bundle failed, in words. */
  String of(Bundle bundle) {
    Throwable failure = failures.get(bundle);
    return failure == null ? "no reason was given" : Reasons.of(failure);
  }
}
