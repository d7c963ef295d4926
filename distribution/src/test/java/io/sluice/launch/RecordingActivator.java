package io.sluice.launch;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;

/**
 * Packed into the fixture bundles of {@link AgentTest}. Each bundle has a copy of its own, so what
 * happened is told to the one thing that is shared: a list in the system properties.
 */
public final class RecordingActivator implements BundleActivator {
  /** Key of the list in {@link System#getProperties()}. */
  static final Object EVENTS = "io.sluice.launch.events";

  /** Key of the framework's own bundle in {@link System#getProperties()}. */
  static final Object FRAMEWORK = "io.sluice.launch.framework";

  static List<String> newEvents() {
    List<String> events = new CopyOnWriteArrayList<>();
    System.getProperties().put(EVENTS, events);
    return events;
  }

  @Override
  public void start(BundleContext context) {
    System.getProperties().put(FRAMEWORK, context.getBundle(0));
    record("start", context);
    String failure = context.getBundle().getHeaders().get("X-Failure");
    if (failure != null) {
      throw new IllegalStateException(failure);
    }
  }

  @Override
  public void stop(BundleContext context) {
    record("stop", context);
  }

  @SuppressWarnings("unchecked")
  private static void record(String event, BundleContext context) {
    List<String> events = (List<String>) System.getProperties().get(EVENTS);
    events.add(event + " " + context.getBundle().getSymbolicName());
  }
}
