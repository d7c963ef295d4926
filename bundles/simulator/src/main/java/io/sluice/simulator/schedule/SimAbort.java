package io.sluice.simulator.schedule;

/** Unwinds the tasks of a run that has failed; never caught but at a task's bottom. */
final class SimAbort extends Error {
  private static final long serialVersionUID = 1L;

  SimAbort() {
    super("the run has failed already", null, false, false);
  }
}
