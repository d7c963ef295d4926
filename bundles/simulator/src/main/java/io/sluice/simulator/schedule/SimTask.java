package io.sluice.simulator.schedule;

/** One logical thread of a run. All fields are touched only by whoever has the baton. */
public final class SimTask {
  private final String name;
  final Runnable body;
  SimThreads.Carrier carrier;
  String waitingFor;
  boolean finished;
  private Object attachment;

  SimTask(String name, Runnable body) {
    this.name = name;
    this.body = body;
  }

  /** For traces: {@code "writer-1"}. */
  public String name() {
    return name;
  }

  /** What the run's devices note about the operation that this task is in; null between two. */
  public Object attachment() {
    return attachment;
  }

  /** Sets {@link #attachment}. */
  public void attach(Object value) {
    attachment = value;
  }

  @Override
  public String toString() {
    return waitingFor == null ? name + " can run" : name + " waits for " + waitingFor;
  }
}
