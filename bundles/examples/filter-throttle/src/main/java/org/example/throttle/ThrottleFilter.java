package org.example.throttle;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.Filter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * Holds bios back so that a device stays within its limits.
 *
 * <p>A bio that waits here has entered the device already. Whoever freezes the device, for a
 * snapshot's cut or a change of the chain, waits for it, and gives up after 10 s. So no bio waits
 * longer than {@link #WAIT_MAX}; a limit that would need more is exceeded.
 */
final class ThrottleFilter implements Filter {
  /** The longest that one bio waits, in all its buckets together: half of what a freeze bears. */
  static final Duration WAIT_MAX = Duration.ofSeconds(5);

  /** How long a detach that was asked for has until the limits hold again: it may yet fail. */
  static final Duration LIFT = Duration.ofSeconds(15);

  private final Time time;
  private final Pair all;
  private final Pair reads;
  private final Pair writes;
  private final LongAdder waitedCount = new LongAdder();

  private volatile Limits limits = Limits.NONE;

  /** Until when nothing is held back, if {@link #isLifted}. */
  private volatile long liftedUntilNanos;

  private volatile boolean lifted;

  ThrottleFilter(Limits limits, Time time) {
    this.time = time;
    this.all = new Pair(time);
    this.reads = new Pair(time);
    this.writes = new Pair(time);
    apply(limits);
  }

  /** Both limits of one kind of bio. */
  private static final class Pair {
    private final Bucket bios;
    private final Bucket bytes;

    Pair(Time time) {
      bios = new Bucket(time, WAIT_MAX);
      bytes = new Bucket(time, WAIT_MAX);
    }

    void limit(Limits.Rate rate, Duration burst) {
      bios.limit(rate.iops(), burst);
      bytes.limit(rate.bandwidthBytes(), burst);
    }

    boolean pass(long lengthBytes, long untilNanos) {
      // Both are asked, whatever the first says.
      return bios.pass(1, untilNanos) | bytes.pass(lengthBytes, untilNanos);
    }
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op() != BioOp.FLUSH && !isLifted()) {
      long untilNanos = time.nowNanos() + WAIT_MAX.toNanos();
      // What carries no data costs no bandwidth: a discard of the whole device is one command.
      long lengthBytes = bio.op().carriesData() ? bio.lengthBytes() : 0;
      Pair own = bio.op() == BioOp.READ ? reads : writes;
      if (own.pass(lengthBytes, untilNanos) | all.pass(lengthBytes, untilNanos)) {
        waitedCount.increment();
      }
    }
    next.submit(bio);
  }

  private boolean isLifted() {
    if (lifted && liftedUntilNanos - time.nowNanos() <= 0) {
      holdAgain();
    }
    return lifted;
  }

  /** The detach that the limits were lifted for did not come. */
  private synchronized void holdAgain() {
    if (lifted && liftedUntilNanos - time.nowNanos() <= 0) {
      lifted = false;
      apply(limits);
    }
  }

  /** Lets everybody go who waits, so that the device drains at once. */
  @Override
  public synchronized void checkDetach() {
    liftedUntilNanos = time.nowNanos() + LIFT.toNanos();
    lifted = true;
    applyToBuckets(Limits.NONE);
  }

  @Override
  public Map<String, Object> ctl(String command, List<String> words) throws ErrnoException {
    if (command.equals("set")) {
      change(ThrottleOperations.SET.arguments(words));
    }
    Map<String, Object> shown = new LinkedHashMap<>(limits.asOptions());
    shown.put("waited_count", waitedCount.sum());
    shown.put("lifted", isLifted());
    return shown;
  }

  private synchronized void change(Arguments given) throws ErrnoException {
    apply(limits.with(given));
  }

  private synchronized void apply(Limits wanted) {
    limits = wanted;
    if (!lifted) {
      applyToBuckets(wanted);
    }
  }

  private void applyToBuckets(Limits wanted) {
    all.limit(wanted.all(), wanted.burst());
    reads.limit(wanted.reads(), wanted.burst());
    writes.limit(wanted.writes(), wanted.burst());
  }

  /** What a new version of the bundle attaches its filter with: the limits as they are by now. */
  @Override
  public Map<String, String> options(Map<String, String> attached) {
    return limits.asOptions();
  }
}
