package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/**
 * The stacks of all threads that are in chains, and what is done about a call of a filter that
 * takes too long.
 *
 * <p>The clock of calls is a coarse one that {@link #look} advances, so that a bio never asks the
 * system what time it is.
 */
final class CallStacks {
  /** What a filter that was interrupted may take to come back. */
  static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** A power of two, above the number of threads that an agent as a rule has. */
  private static final int RECENT_COUNT = 256;

  /** The fine clock, for samples. */
  final LongSupplier nanoClock;

  /** Runs what may hang: tells filters what the watcher can't wait for. */
  final Executor notices;

  /** The coarse clock. Written by whoever looks. */
  volatile long nowNanos;

  @SuppressWarnings("ThreadLocalUsage") // One for each registry, of which an agent has one.
  private final ThreadLocal<CallStack> local = new ThreadLocal<>();

  /**
   * Where most threads find their stack with less than half of the work: by the thread's number,
   * the youngest of those that share a place. Read and written without order, since a thread takes
   * only what it has put there itself.
   */
  private final CallStack[] recent = new CallStack[RECENT_COUNT];

  private final Set<CallStack> all = ConcurrentHashMap.newKeySet();

  CallStacks(LongSupplier nanoClock, Executor notices) {
    this.nanoClock = nanoClock;
    this.notices = notices;
  }

  /** This thread's. */
  CallStack mine() {
    Thread thread = Thread.currentThread();
    CallStack likely = recent[slot(thread)];
    return likely != null && likely.thread == thread ? likely : found(thread);
  }

  private CallStack found(Thread thread) {
    CallStack stack = local.get();
    if (stack == null) {
      stack = new CallStack(this);
      all.add(stack);
      local.set(stack);
      recent[slot(thread)] = stack;
    }
    return stack;
  }

  private static int slot(Thread thread) {
    return (int) thread.getId() & (RECENT_COUNT - 1);
  }

  /**
   * Advances the coarse clock and looks after every call. One thread at a time.
   *
   * @param elapsedNanos by how much; less than has passed if the process stood still, since the
   *     filters could not run either
   */
  void look(long elapsedNanos) {
    long now = nowNanos + elapsedNanos;
    nowNanos = now;
    for (Iterator<CallStack> stacks = all.iterator(); stacks.hasNext(); ) {
      CallStack stack = stacks.next();
      if (!stack.thread.isAlive()) {
        stacks.remove();
        forget(stack);
        settle(stack.firstCall());
        continue;
      }
      look(stack.firstCall());
    }
  }

  /**
   * Of the bios that go to this counter, those that are not in it yet. To be asked after the
   * counter, so that none is counted twice.
   */
  long uncounted(LongAdder bios) {
    long sum = 0;
    for (CallStack stack : all) {
      for (Call call = stack.firstCall(); call != null; call = call.inner) {
        sum += call.uncounted(bios);
      }
    }
    return sum;
  }

  private static void settle(Call first) {
    for (Call call = first; call != null; call = call.inner) {
      call.settle();
    }
  }

  /** Lets go of a stack whose thread has ended, unless another took its place. */
  private void forget(CallStack stack) {
    int slot = slot(stack.thread);
    if (recent[slot] == stack) {
      recent[slot] = null;
    }
  }

  private void look(Call first) {
    for (Call call = first; call != null; call = call.inner) {
      long look = call.look();
      if (!Call.isInside(look)) {
        continue;
      }
      AttachedFilter filter = call.filter();
      if (filter == null) {
        continue;
      }
      long overNanos = call.usedNanos + nowNanos - call.sinceNanos - call.limitNanos();
      if (overNanos <= 0) {
        continue;
      }
      if (!Call.isLate(look)) {
        // An interrupt would hit the code of an inner call, which is not at fault.
        boolean innermost = call.inner == null || Call.isFree(call.inner.look());
        call.interrupt(look, innermost);
      } else if (overNanos > GRACE_NANOS) {
        evict(call, look, filter);
      }
    }
  }

  /**
   * Gives a call up. What it holds is given back in the name of its thread, and the thread, if it
   * ever comes back, can do nothing more in this passage. No foreign code runs between the start
   * and the end of it, since the thread may be waiting for the end.
   */
  private static void evict(Call call, long look, AttachedFilter filter) {
    if (!call.startEviction(look)) {
      return;
    }
    Eviction eviction;
    try {
      // First, so that no bio that is let in afterwards takes the filter for a healthy one.
      eviction = filter.giveUp(call);
    } finally {
      Passage passage = call.passage;
      if (passage.gate != null && !passage.givenUp) {
        passage.givenUp = true;
        passage.gate.exit(passage.stripe);
      }
      call.finishEviction(look);
    }
    eviction.run();
  }

  /** What remains to be done about a call that was given up. */
  @FunctionalInterface
  interface Eviction {
    void run();
  }

  /** The error of a bio whose call was given up, for whom it reaches. */
  static ErrnoException givenUp(String what) {
    return new ErrnoException(
        Errno.EIO, what + ": it was stuck in a filter for longer than the limit and was given up");
  }
}
