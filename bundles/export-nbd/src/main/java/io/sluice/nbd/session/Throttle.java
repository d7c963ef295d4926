package io.sluice.nbd.session;

import io.sluice.export.RateLimit;
import io.sluice.nbd.codec.NbdLimits;
import io.sluice.nbd.codec.NbdProtocol;
import io.sluice.nbd.codec.Request;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Holds the clients of an export to a rate, all together: two buckets, one of bytes and one of
 * operations, each kept as the moment when it is empty no more. A request takes its place in time
 * by moving that moment on, and goes when its turn comes; so turns are in the order of coming, and
 * a request that is larger than a bucket passes and makes the next ones wait. Allocates nothing;
 * thread-safe.
 */
public final class Throttle {
  /** What a full bucket holds, as a time at the rate. */
  static final long BURST_NANOS = 100_000_000;

  /** The least bandwidth: the largest request then has its turn within minutes, not days. */
  public static final long BYTES_PER_SECOND_MIN = 64 << 10;

  private static final long NANOS_PER_SECOND = 1_000_000_000;

  private final LongSupplier nanoClock;
  private final AtomicLong bytesDueNanos;
  private final AtomicLong operationsDueNanos;
  private volatile RateLimit limit;

  /** Read for each request, so it is a word by itself. */
  private volatile boolean limited;

  /**
   * @param nanoClock measures intervals
   */
  public Throttle(RateLimit limit, LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
    bytesDueNanos = new AtomicLong(nanoClock.getAsLong());
    operationsDueNanos = new AtomicLong(nanoClock.getAsLong());
    set(limit);
  }

  /** What it holds clients to. */
  public RateLimit limit() {
    return limit;
  }

  /** Changes the limit. Who waits by the earlier one goes at once. */
  public void set(RateLimit changed) {
    long nowNanos = nanoClock.getAsLong();
    bytesDueNanos.set(nowNanos);
    operationsDueNanos.set(nowNanos);
    limit = changed;
    limited = !changed.equals(RateLimit.NONE);
  }

  /** Whether requests have to ask for their turn. */
  boolean limited() {
    return limited;
  }

  /**
   * Takes a place for a request.
   *
   * @return how long it has to wait for its turn, 0 if it is its turn
   */
  long takeTurn(Request request) {
    RateLimit now = limit;
    long operations = take(operationsDueNanos, operationNanos(now));
    return Math.max(operations, take(bytesDueNanos, byteNanos(now, request)));
  }

  /** Gives back the place of a request that is not served after all. */
  void giveTurn(Request request, RateLimit takenUnder) {
    if (limit.equals(takenUnder)) {
      operationsDueNanos.addAndGet(-operationNanos(takenUnder));
      bytesDueNanos.addAndGet(-byteNanos(takenUnder, request));
    }
  }

  private long take(AtomicLong dueNanos, long costNanos) {
    if (costNanos == 0) {
      return 0;
    }
    long nowNanos = nanoClock.getAsLong();
    while (true) {
      long due = dueNanos.get();
      long inNanos = Math.max(due - nowNanos, -BURST_NANOS);
      if (dueNanos.compareAndSet(due, nowNanos + inNanos + costNanos)) {
        return Math.max(inNanos, 0);
      }
    }
  }

  private static long operationNanos(RateLimit limit) {
    return limit.operationsPerSecond() == 0 ? 0 : NANOS_PER_SECOND / limit.operationsPerSecond();
  }

  private static long byteNanos(RateLimit limit, Request request) {
    if (limit.bytesPerSecond() == 0) {
      return 0;
    }
    long bytes =
        switch (request.type()) {
          case NbdProtocol.CMD_READ, NbdProtocol.CMD_WRITE, NbdProtocol.CMD_CACHE ->
              Math.min(request.lengthBytes(), NbdLimits.PAYLOAD_MAX_BYTES);
          default -> 0;
        };
    return bytes * NANOS_PER_SECOND / limit.bytesPerSecond();
  }
}
