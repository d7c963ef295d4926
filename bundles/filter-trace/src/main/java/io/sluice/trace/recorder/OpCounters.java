package io.sluice.trace.recorder;

import io.sluice.block.BioOp;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What the bios of one operation add up to, and how long they took. Counted in stripes by thread,
 * so that threads seldom share a cache line; nothing is allocated.
 */
final class OpCounters {
  private static final int STRIPE_COUNT = 8;

  private static final int COUNT = 0;
  private static final int BYTES = 1;
  private static final int ERRORS = 2;
  private static final int NANOS = 3;
  private static final int MAX_NANOS = 4;

  /** Then a count for each range of latencies: four to each doubling, so 25 % wide. */
  private static final int BUCKETS = 8;

  private static final int BUCKET_COUNT = 160;
  private static final int STRIPE_LONGS = BUCKETS + BUCKET_COUNT;

  private final BioOp op;
  private final AtomicLongArray values = new AtomicLongArray(STRIPE_COUNT * STRIPE_LONGS);

  OpCounters(BioOp op) {
    this.op = op;
  }

  void add(long stream, long lengthBytes, long durationNanos, boolean failed) {
    int base = (int) (stream & STRIPE_COUNT - 1) * STRIPE_LONGS;
    values.getAndIncrement(base + COUNT);
    if (failed) {
      values.getAndIncrement(base + ERRORS);
    } else {
      values.getAndAdd(base + BYTES, lengthBytes);
    }
    values.getAndAdd(base + NANOS, durationNanos);
    int max = base + MAX_NANOS;
    for (long seen = values.get(max); durationNanos > seen; seen = values.get(max)) {
      values.compareAndSet(max, seen, durationNanos);
    }
    values.getAndIncrement(base + BUCKETS + bucketOf(durationNanos));
  }

  /** The bucket of a latency; the last one takes all above 18 minutes. */
  static int bucketOf(long nanos) {
    if (nanos < 4) {
      return (int) Math.max(0, nanos);
    }
    int exponent = 63 - Long.numberOfLeadingZeros(nanos);
    int quarter = (int) (nanos >>> (exponent - 2)) & 3;
    return Math.min(4 * (exponent - 1) + quarter, BUCKET_COUNT - 1);
  }

  /** The least latency of a bucket, in nanoseconds. */
  static long floorNanos(int bucket) {
    return bucket < 4 ? bucket : (4L + bucket % 4) << (bucket / 4 - 1);
  }

  private long sum(int what) {
    long sum = 0;
    for (int stripe = 0; stripe < STRIPE_COUNT; stripe++) {
      sum += values.get(stripe * STRIPE_LONGS + what);
    }
    return sum;
  }

  private long maxNanos() {
    long max = 0;
    for (int stripe = 0; stripe < STRIPE_COUNT; stripe++) {
      max = Math.max(max, values.get(stripe * STRIPE_LONGS + MAX_NANOS));
    }
    return max;
  }

  void clear() {
    for (int i = 0; i < values.length(); i++) {
      values.set(i, 0);
    }
  }

  long count() {
    return sum(COUNT);
  }

  /** Totals for people and programs; times in nanoseconds, to a quarter of themselves. */
  Map<String, Object> describe() {
    long[] buckets = new long[BUCKET_COUNT];
    long count = 0;
    for (int i = 0; i < BUCKET_COUNT; i++) {
      buckets[i] = sum(BUCKETS + i);
      count += buckets[i];
    }
    Map<String, Object> totals = new LinkedHashMap<>();
    totals.put("op", op.name().toLowerCase(Locale.ROOT));
    totals.put("count", count);
    totals.put("bytes", sum(BYTES));
    totals.put("errors", sum(ERRORS));
    totals.put("mean_nanos", count == 0 ? 0 : sum(NANOS) / count);
    totals.put("p50_nanos", percentileNanos(buckets, count, 0.50));
    totals.put("p99_nanos", percentileNanos(buckets, count, 0.99));
    totals.put("max_nanos", maxNanos());
    return totals;
  }

  private static long percentileNanos(long[] buckets, long count, double part) {
    long wanted = (long) Math.ceil(count * part);
    long seen = 0;
    for (int i = 0; i < buckets.length && count > 0; i++) {
      seen += buckets[i];
      if (seen >= wanted) {
        return floorNanos(i + 1);
      }
    }
    return 0;
  }

  /** How many bios took how long: a row for each doubling that has any, under its upper bound. */
  List<Map<String, Object>> histogram() {
    List<Map<String, Object>> rows = new ArrayList<>();
    for (int from = 0; from < BUCKET_COUNT; from += 4) {
      long count = 0;
      for (int i = from; i < from + 4; i++) {
        count += sum(BUCKETS + i);
      }
      if (count > 0) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("op", op.name().toLowerCase(Locale.ROOT));
        row.put("below_nanos", floorNanos(from + 4));
        row.put("count", count);
        rows.add(row);
      }
    }
    return rows;
  }
}
