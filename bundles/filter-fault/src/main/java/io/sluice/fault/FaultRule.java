package io.sluice.fault;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A rule at work: which bios it hits, how often it did, and the bios that wait in it. Thread-safe;
 * asking whether a bio is hit takes no lock and allocates nothing.
 *
 * <p>Whether the n-th matching bio is hit is a function of seed, rule and n alone. With one bio in
 * flight at a time a run repeats exactly; with several, their threads settle which of them is the
 * n-th, but not how many are hit, nor in what rhythm.
 */
final class FaultRule {
  /** The answer of {@link #hit} for a bio that the rule leaves alone. */
  static final long MISS = -1;

  final FaultSpec spec;

  /** As the specification's, in the form that is cheap to ask; never changed. */
  private final Set<BioOp> ops;

  private final boolean hasRange;
  private final AtomicLong matchCount = new AtomicLong();
  private final AtomicLong hitCount = new AtomicLong();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition released = lock.newCondition();
  private long releaseCount;
  private int waitingCount;

  /** Once false, it hits nothing and nobody waits in it. */
  private volatile boolean armed = true;

  FaultRule(FaultSpec spec) {
    this.spec = spec;
    this.hasRange = spec.hasRange();
    this.ops = EnumSet.copyOf(spec.ops());
  }

  /**
   * Tells whether the rule hits a bio, and counts.
   *
   * @return which of the matching bios it is, from 0, or {@link #MISS}
   */
  long hit(Bio bio, long seed) {
    if (!matches(bio) || !mayHit()) {
      return MISS;
    }
    long number = matchCount.getAndIncrement();
    boolean hit =
        number >= spec.skipCount()
            && (spec.probability() >= 1
                || Draw.fraction(seed, spec.id(), number) < spec.probability());
    return hit && takeHit() ? number : MISS;
  }

  private boolean matches(Bio bio) {
    if (!ops.contains(bio.op())) {
      return false;
    }
    return !hasRange || (bio.op() != BioOp.FLUSH && overlaps(bio.offsetBytes(), bio.endBytes()));
  }

  /** Whether a part of the range, which may be empty, is the rule's. */
  boolean overlaps(long fromBytes, long endBytes) {
    return fromBytes < spec.endBytes() && endBytes > spec.fromBytes();
  }

  private boolean takeHit() {
    while (true) {
      long hits = hitCount.get();
      if (hits >= spec.hitCountMax()) {
        return false;
      }
      if (hitCount.compareAndSet(hits, hits + 1)) {
        return true;
      }
    }
  }

  /** Whether there may be hits yet. */
  boolean mayHit() {
    return armed && hitCount.get() < spec.hitCountMax();
  }

  /** The error that the rule fails a bio with. */
  ErrnoException error(Bio bio) {
    return new ErrnoException(
        spec.errno().orElse(Errno.EIO), bio + ": by fault rule " + RuleText.format(spec));
  }

  /**
   * Waits in the caller's thread until the time is up, the rule is released or leaves, or the
   * thread is interrupted, whose flag is kept.
   */
  void await(long limitNanos) {
    lock.lock();
    try {
      long releasesBefore = releaseCount;
      long leftNanos = limitNanos;
      waitingCount++;
      try {
        while (armed && releaseCount == releasesBefore && leftNanos > 0) {
          leftNanos = released.awaitNanos(leftNanos);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        waitingCount--;
      }
    } finally {
      lock.unlock();
    }
  }

  /** The longest wait of this rule, in nanoseconds. */
  long waitNanos() {
    return spec.action() == FaultAction.HANG ? Long.MAX_VALUE : spec.delay().toNanos();
  }

  /** Lets those go on that wait now, and tells how many they are. */
  int release() {
    lock.lock();
    try {
      releaseCount++;
      released.signalAll();
      return waitingCount;
    } finally {
      lock.unlock();
    }
  }

  /** Hits nothing from now on, and lets those go on that wait. */
  void disarm() {
    armed = false;
    release();
  }

  /** Counts from the start again. */
  void restart() {
    matchCount.set(0);
    hitCount.set(0);
  }

  /** What is left of the rule. */
  FaultSpec rest() {
    return spec.after(matchCount.get(), hitCount.get());
  }

  Map<String, Object> describe() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("id", spec.id());
    values.put("rule", RuleText.format(spec));
    values.put("matched", matchCount.get());
    values.put("hit", hitCount.get());
    values.put("waiting", waiting());
    values.put("state", armed ? mayHit() ? "armed" : "used up" : "disarmed");
    return values;
  }

  private int waiting() {
    lock.lock();
    try {
      return waitingCount;
    } finally {
      lock.unlock();
    }
  }
}
