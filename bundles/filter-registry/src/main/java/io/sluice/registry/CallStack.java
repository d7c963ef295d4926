package io.sluice.registry;

import io.sluice.block.ErrnoException;

/**
 * What one thread is doing in the chains of one registry: the gates it is inside of, and the calls
 * of filters that it is in, outermost first. Used by its thread alone, but that the calls are
 * looked at from outside. Allocates only when it gets deeper than ever.
 */
final class CallStack {
  /** One bio in this many is timed, the first of each thread among them. A power of two. */
  static final int SAMPLE_INTERVAL = 256;

  final Thread thread = Thread.currentThread();
  final CallStacks stacks;

  /** Around all others, for what is outside of them: neither is ever entered or begun. */
  private final Passage outside = new Passage(null);

  private final Call outermost = new Call(this, null);

  private Passage passage = outside;
  private Call current = outermost;
  private int bioCount;
  private boolean sampling;

  CallStack(CallStacks stacks) {
    this.stacks = stacks;
  }

  /** The outermost call, free or not; null if there has been none. The others are inside of it. */
  Call firstCall() {
    return outermost.inner;
  }

  /**
   * Goes into a gate.
   *
   * @return what to hand to {@link #leave}
   */
  Passage enter(Gate gate) throws ErrnoException {
    Passage entered = passage.inner;
    if (entered == null) {
      entered = new Passage(passage);
      passage.inner = entered;
    }
    entered.stripe = gate.enter();
    entered.gate = gate;
    entered.outerCall = current;
    if (passage == outside) {
      sampling = (bioCount++ & (SAMPLE_INTERVAL - 1)) == 0;
    }
    passage = entered;
    return entered;
  }

  /** Goes out, unless that was done on this thread's behalf. */
  void leave(Passage left) {
    while (current != left.outerCall) {
      // Left behind by an error of the virtual machine in the middle of our own code.
      Call lost = current;
      drop(lost);
      lost.task = null;
      lost.filter = null;
      lost.given.forget();
    }
    passage = left.outer;
    Gate gate = left.gate;
    left.gate = null;
    if (left.givenUp) {
      left.givenUp = false;
    } else {
      gate.exit(left.stripe);
    }
  }

  private int drop(Call call) {
    current = call.outer;
    int end = call.end();
    call.link = null;
    return end;
  }

  /** The call that comes next, of the filter in this place; then {@link #begin}. */
  Call prepare(ChainLink link) {
    Call call = following();
    call.link = link;
    call.sample(sampling);
    return call;
  }

  /** The call that comes next, about no bio; to be filled in, then {@link #begin}. */
  Call prepare(AttachedFilter filter, long limitNanos) {
    Call call = following();
    call.filter = filter;
    call.limitNanos = limitNanos;
    call.sample(false);
    return call;
  }

  private Call following() {
    Call call = current.inner;
    if (call == null) {
      call = new Call(this, current);
      current.inner = call;
    }
    if (call.passage != passage) {
      call.passage = passage;
    }
    return call;
  }

  void begin(Call call) {
    current = call;
    call.begin(stacks.nowNanos);
  }

  /**
   * Ends the innermost call.
   *
   * @return as {@link Call#end}
   */
  int end(Call call) {
    ChainLink link = call.link;
    int end = drop(call);
    if (call.sampleNanos != 0 && end != Call.EVICTED) {
      long totalNanos = stacks.nanoClock.getAsLong() - call.sampleNanos;
      link.filter.latency.record(totalNanos, totalNanos - call.belowNanos());
    }
    return end;
  }

  /** The innermost call that was given this {@code next}; null if there is none. */
  Call callOf(Link next) {
    for (Call call = current; call != null; call = call.outer) {
      ChainLink link = call.link;
      if (link != null && link.next == next) {
        return call;
      }
    }
    return null;
  }

  /** Whether this thread is a stuck one that was given up in a call of the lower device's owner. */
  boolean isEvicted(LowerDevice lower) {
    for (Call call = current; call != outermost; call = call.outer) {
      if (call.state() == Call.EVICTED && call.filter().lower == lower) {
        return true;
      }
    }
    return false;
  }
}
