package io.sluice.registry;

/**
 * A thread's way through a gate, from entering to leaving. Belongs to its thread; {@link
 * CallStacks} may give it up for a thread that is stuck, in the sense of {@link Call}.
 */
final class Passage {
  /** The one that this one lies inside of; null for none. */
  final Passage outer;

  /** The one inside of this one the last time that there was one; null before. */
  Passage inner;

  Gate gate;
  int stripe;

  /** The innermost call when the thread entered. */
  Call outerCall;

  /**
   * Whether the gate has been left on behalf of this thread. Written while one of the passage's
   * calls is being evicted, which its thread finds out about first.
   */
  boolean givenUp;

  Passage(Passage outer) {
    this.outer = outer;
  }
}
