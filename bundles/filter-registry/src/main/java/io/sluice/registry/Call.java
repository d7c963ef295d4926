package io.sluice.registry;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.LongAdder;

/**
 * One call of a filter by one thread: where the thread is, for how long, and whose word counts when
 * it is there for too long. Preallocated, one for each depth of a thread's stack.
 *
 * <p>The thread moves between {@code INSIDE} (in the filter's own code) and {@code BELOW} (in what
 * the filter called through its {@code next}). Who watches may take over a call that is inside:
 *
 * <pre>
 *   FREE ──begin──▶ INSIDE ◀──comeBack/goBelow──▶ BELOW
 *     ▲               │ over its limit
 *     │          INTERRUPTING ──▶ LATE ◀──comeBack/goBelow──▶ BELOW
 *     │                             │ still over it, a moment later
 *     └──────end──── EVICTED ◀── EVICTING
 * </pre>
 *
 * <p>To leave INSIDE or LATE is a compare-and-set for both sides, so exactly one of them has its
 * way: a thread whose call was evicted finds out before it does anything below the filter, and one
 * that left in time can't be evicted. The number in the upper bits of the word is another after
 * each move, so that a look at a call never takes effect on its successor.
 */
final class Call {
  static final int FREE = 0;
  static final int INSIDE = 1;
  static final int BELOW = 2;
  static final int INTERRUPTING = 3;
  static final int LATE = 4;
  static final int EVICTING = 5;
  static final int EVICTED = 6;

  private static final int UNCOUNTED_MAX = 64;

  private static final int STATE_BITS = 3;
  private static final int STATE_MASK = (1 << STATE_BITS) - 1;
  private static final VarHandle WORD;

  static {
    try {
      WORD = MethodHandles.lookup().findVarHandle(Call.class, "word", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** What the filter was given. */
  final Given given = new Given();

  final CallStack stack;

  /** The one that this one lies inside of; null for none. */
  final Call outer;

  /** The one inside of this one, free or not; null before there was one. Never another one. */
  volatile Call inner;

  /**
   * Where in a chain the filter is that is called; null if the call is not about a bio or a range.
   * This and what follows is written by the thread before it enters INSIDE, and valid until it
   * leaves it.
   */
  ChainLink link;

  /** What the call is about if there is no link, else null, as it must be left. */
  String task;

  /** The way through the gate that the call is on; one without a gate if it is on none. */
  Passage passage;

  /** The filter and its limit if there is no link. */
  AttachedFilter filter;

  long limitNanos;

  /** How long the thread was in the filter's code before {@link #sinceNanos}. */
  long usedNanos;

  /** Since when it is there now, on the coarse clock. */
  long sinceNanos;

  /** How often something was passed on. */
  int passCount;

  /** For the latency of one bio in many: 0, or when the call began, on the fine clock. */
  long sampleNanos;

  /** Bios that are still to be added to a filter's counter, and to which. */
  private int uncounted;

  private LongAdder counter;

  private long belowNanos;
  private boolean wasLate;

  /** Whether the thread had been interrupted by somebody else; written while INTERRUPTING. */
  private boolean foreignInterrupt;

  @SuppressWarnings("unused") // Through WORD.
  private volatile long word;

  Call(CallStack stack, Call outer) {
    this.stack = stack;
    this.outer = outer;
  }

  private static int state(long word) {
    return (int) word & STATE_MASK;
  }

  private static long successor(long word, int state) {
    return ((word >>> STATE_BITS) + 1) << STATE_BITS | state;
  }

  private static long marked(long word, int state) {
    return (word & ~STATE_MASK) | state;
  }

  int state() {
    return state(word);
  }

  /**
   * Counts one bio of a filter. The counter gets many at a time, because to add is one locked
   * instruction and one more cache line for each filter of each bio.
   */
  void count(LongAdder bios) {
    if (counter != bios || uncounted == UNCOUNTED_MAX) {
      settle();
      counter = bios;
    }
    uncounted++;
  }

  /** Brings the counter up to date; by the call's thread, or after its end. */
  void settle() {
    int count = uncounted;
    // Before it is added: who reads the counter first misses some for a moment, and has none twice.
    uncounted = 0;
    if (count > 0) {
      counter.add(count);
    }
  }

  /** What is to be added to this counter, with every call that has ended. By any thread. */
  int uncounted(LongAdder bios) {
    // The word is written last, so what is read after it is no older.
    long unused = look();
    return counter == bios ? uncounted : 0;
  }

  /** Starts; the fields are set. */
  void begin(long nowNanos) {
    usedNanos = 0;
    sinceNanos = nowNanos;
    passCount = 0;
    long old = (long) WORD.get(this);
    WORD.setRelease(this, successor(old, INSIDE));
  }

  /**
   * Leaves the filter's code for what is below it.
   *
   * @return false if the call was evicted: nothing of it may get below
   */
  boolean goBelow() {
    long old = (long) WORD.get(this);
    boolean quick = state(old) == INSIDE && WORD.compareAndSet(this, old, successor(old, BELOW));
    boolean gone = quick || leave(BELOW) != EVICTED;
    if (gone) {
      usedNanos += stack.stacks.nowNanos - sinceNanos;
      passCount++;
    }
    return gone;
  }

  /** Comes back from below, whatever happened there. */
  void comeBack() {
    long old = (long) WORD.get(this);
    if (passage.givenUp) {
      // Something deeper on this passage was evicted: this call is over too.
      WORD.setVolatile(this, successor(old, EVICTED));
      return;
    }
    sinceNanos = stack.stacks.nowNanos;
    WORD.setRelease(this, successor(old, wasLate ? LATE : INSIDE));
  }

  /** Whether the call is one to be timed. */
  void sample(boolean wanted) {
    if (wanted) {
      sampleNanos = stack.stacks.nanoClock.getAsLong();
      belowNanos = 0;
    } else {
      sampleNanos = 0;
    }
  }

  void addBelow(long nanos) {
    belowNanos += nanos;
  }

  long belowNanos() {
    return belowNanos;
  }

  /**
   * Ends the call.
   *
   * @return INSIDE for one that ended well, LATE for one that had to be interrupted, or EVICTED
   */
  int end() {
    long old = (long) WORD.get(this);
    if (state(old) == INSIDE && WORD.compareAndSet(this, old, successor(old, FREE))) {
      return INSIDE;
    }
    int end = leave(FREE);
    wasLate = false;
    if (end == EVICTED) {
      clearInterrupt();
      WORD.setVolatile(this, successor((long) WORD.getVolatile(this), FREE));
    }
    return end;
  }

  /**
   * Leaves the filter's code on the way that is not taken often.
   *
   * @return what the state was: INSIDE, LATE, or EVICTED, where it stays
   */
  private int leave(int target) {
    while (true) {
      long old = (long) WORD.getVolatile(this);
      switch (state(old)) {
        case INSIDE, LATE -> {
          if (WORD.compareAndSet(this, old, successor(old, target))) {
            if (state(old) == LATE) {
              wasLate = true;
              clearInterrupt();
            }
            return state(old);
          }
        }
        case EVICTED -> {
          return EVICTED;
        }
        case BELOW -> {
          // An error of the virtual machine kept it from coming back.
          WORD.setVolatile(this, successor(old, target));
          return INSIDE;
        }
        // The watcher is between two steps that do not wait.
        default -> Thread.onSpinWait();
      }
    }
  }

  /** The watcher's interrupt was for the filter, not for whoever called it. */
  private void clearInterrupt() {
    if (!foreignInterrupt) {
      // Thrown away on purpose.
      boolean unused = Thread.interrupted();
    }
    foreignInterrupt = true;
  }

  /** The word as the watcher sees it, to be handed to what it does next. */
  long look() {
    return (long) WORD.getAcquire(this);
  }

  static boolean isInside(long look) {
    return state(look) == INSIDE || state(look) == LATE;
  }

  static boolean isLate(long look) {
    return state(look) == LATE;
  }

  static boolean isFree(long look) {
    return state(look) == FREE;
  }

  /**
   * Interrupts the thread, unless the call has moved on since {@code look}.
   *
   * @param really false to mark the call as late only
   */
  boolean interrupt(long look, boolean really) {
    if (!WORD.compareAndSet(this, look, marked(look, INTERRUPTING))) {
      return false;
    }
    foreignInterrupt = !really || stack.thread.isInterrupted();
    if (!foreignInterrupt) {
      stack.thread.interrupt();
    }
    WORD.setVolatile(this, marked(look, LATE));
    return true;
  }

  /** Starts to evict the call, unless it has moved on since {@code look}. */
  boolean startEviction(long look) {
    return WORD.compareAndSet(this, look, marked(look, EVICTING));
  }

  /** The thread may find out from now on. */
  void finishEviction(long look) {
    WORD.setVolatile(this, marked(look, EVICTED));
  }

  /** Whose code it is; null if it has ended meanwhile. */
  AttachedFilter filter() {
    ChainLink at = link;
    return at == null ? filter : at.filter;
  }

  /** How long the filter's own code may take. */
  long limitNanos() {
    ChainLink at = link;
    return at == null ? limitNanos : at.filter.callLimitNanos;
  }

  /** What the thread is doing, for people. */
  String what() {
    return task != null ? task : given.toString();
  }
}
