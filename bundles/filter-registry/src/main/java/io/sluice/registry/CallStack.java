package io.sluice.registry;

import io.sluice.block.ErrnoException;
import java.util.Arrays;

/**
 * What one thread is doing in the chains of one registry: the gates it is inside of, and the calls
 * of filters that it is in, outermost first. Used by its thread alone, but that the calls are
 * looked at from outside. Allocates only when it gets deeper than ever.
 */
final class CallStack {
  /** One bio in this many is timed, the first of each thread among them. A power of two. */
  static final int SAMPLE_INTERVAL = 64;

  final Thread thread = Thread.currentThread();
  final CallStacks stacks;

  private Passage[] passages = {new Passage(), new Passage()};
  private int passageCount;

  /** Replaced by a longer one, never changed. */
  private volatile Call[] calls = new Call[0];

  private int callCount;
  private int bioCount;
  private boolean sampling;

  CallStack(CallStacks stacks) {
    this.stacks = stacks;
    growCalls();
  }

  private void growCalls() {
    Call[] old = calls;
    Call[] longer = Arrays.copyOf(old, old.length + 8);
    for (int i = old.length; i < longer.length; i++) {
      longer[i] = new Call(this);
    }
    calls = longer;
  }

  /** The calls there are room for, from outside to inside; most of them are free. */
  Call[] calls() {
    return calls;
  }

  /**
   * Goes into a gate.
   *
   * @return what to hand to {@link #leave}
   */
  Passage enter(Gate gate) throws ErrnoException {
    if (passageCount == passages.length) {
      passages = Arrays.copyOf(passages, 2 * passageCount);
      for (int i = passageCount; i < passages.length; i++) {
        passages[i] = new Passage();
      }
    }
    Passage passage = passages[passageCount];
    passage.stripe = gate.enter();
    passage.gate = gate;
    passage.outerCallCount = callCount;
    if (passageCount++ == 0) {
      sampling = (bioCount++ & (SAMPLE_INTERVAL - 1)) == 0;
    }
    return passage;
  }

  /** Goes out, unless that was done on this thread's behalf. */
  void leave(Passage passage) {
    while (callCount > passage.outerCallCount) {
      // Left behind by an error of the virtual machine in the middle of our own code.
      Call left = calls[--callCount];
      drop(left);
      left.given.forget();
    }
    passageCount--;
    Gate gate = passage.gate;
    passage.gate = null;
    if (passage.givenUp) {
      passage.givenUp = false;
    } else {
      gate.exit(passage.stripe);
    }
  }

  private static int drop(Call call) {
    int end = call.end();
    call.filter = null;
    call.next = null;
    call.passage = null;
    return end;
  }

  /** The call that comes next; to be filled in, then {@link #begin}. */
  Call prepare(AttachedFilter filter, long limitNanos) {
    if (callCount == calls.length) {
      growCalls();
    }
    Call call = calls[callCount];
    call.filter = filter;
    call.limitNanos = limitNanos;
    call.task = null;
    call.next = null;
    call.passage = passageCount == 0 ? null : passages[passageCount - 1];
    call.sampleNanos = sampling && passageCount > 0 ? stacks.nanoClock.getAsLong() : 0;
    return call;
  }

  void begin(Call call) {
    callCount++;
    call.begin(stacks.nowNanos);
  }

  /**
   * Ends the innermost call.
   *
   * @return as {@link Call#end}
   */
  int end(Call call) {
    AttachedFilter filter = call.filter;
    callCount--;
    int end = drop(call);
    if (call.sampleNanos != 0 && end != Call.EVICTED) {
      long totalNanos = stacks.nanoClock.getAsLong() - call.sampleNanos;
      filter.latency.record(totalNanos, totalNanos - call.belowNanos());
    }
    return end;
  }

  /** The innermost call that was given this {@code next}; null if there is none. */
  Call callOf(Below next) {
    for (int i = callCount - 1; i >= 0; i--) {
      if (calls[i].next == next) {
        return calls[i];
      }
    }
    return null;
  }

  /** Whether this thread is a stuck one that was given up in a call of the lower device's owner. */
  boolean isEvicted(LowerDevice lower) {
    for (int i = callCount - 1; i >= 0; i--) {
      if (calls[i].state() == Call.EVICTED && calls[i].filter.lower == lower) {
        return true;
      }
    }
    return false;
  }
}
