package io.sluice.registry;

/**
 * A thread's way through a gate, from entering to leaving. Belongs to its thread; {@link
 * CallStacks} may give it up for a thread that is stuck, in the sense of {@link Call}.
 */
final class Passage {
  Gate gate;
  int stripe;

  /** The calls on the thread's stack when it entered. */
  int outerCallCount;

  /**
   * Whether the gate has been left on behalf of this thread. Written while one of the passage's
   * calls is being evicted, which its thread finds out about first.
   */
  boolean givenUp;
}
