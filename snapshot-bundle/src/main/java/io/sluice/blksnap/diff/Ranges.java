package io.sluice.blksnap.diff;

import java.util.Map;
import java.util.TreeMap;

/** A set of byte ranges; those that touch are one. Thread-safe. */
final class Ranges {
  /** Told of a range. */
  @FunctionalInterface
  interface Visitor<E extends Exception> {
    void range(long startBytes, long endBytes) throws E;
  }

  private final TreeMap<Long, Long> ends = new TreeMap<>();
  private volatile boolean isEmpty = true;

  synchronized void add(long startBytes, long endBytes) {
    if (endBytes <= startBytes) {
      return;
    }
    long start = startBytes;
    long end = endBytes;
    Map.Entry<Long, Long> before = ends.floorEntry(start);
    if (before != null && before.getValue() >= start) {
      start = before.getKey();
      end = Math.max(end, before.getValue());
    }
    Map.Entry<Long, Long> next = ends.ceilingEntry(start);
    while (next != null && next.getKey() <= end) {
      end = Math.max(end, next.getValue());
      ends.remove(next.getKey());
      next = ends.ceilingEntry(start);
    }
    ends.put(start, end);
    isEmpty = false;
  }

  synchronized void addAll(Ranges other) {
    for (Map.Entry<Long, Long> range : other.copy().entrySet()) {
      add(range.getKey(), range.getValue());
    }
  }

  private synchronized Map<Long, Long> copy() {
    return new TreeMap<>(ends);
  }

  boolean overlaps(long startBytes, long endBytes) {
    if (isEmpty) {
      return false;
    }
    synchronized (this) {
      Map.Entry<Long, Long> last = ends.lowerEntry(endBytes);
      return last != null && last.getValue() > startBytes;
    }
  }

  /** Takes all out. */
  synchronized Ranges takeAll() {
    Ranges taken = new Ranges();
    taken.ends.putAll(ends);
    taken.isEmpty = ends.isEmpty();
    ends.clear();
    isEmpty = true;
    return taken;
  }

  synchronized long totalBytes() {
    long total = 0;
    for (Map.Entry<Long, Long> range : ends.entrySet()) {
      total += range.getValue() - range.getKey();
    }
    return total;
  }

  /** How many bytes between two are in it. */
  synchronized long totalBytes(long startBytes, long endBytes) {
    long total = 0;
    for (Map.Entry<Long, Long> range : ends.headMap(endBytes).entrySet()) {
      total +=
          Math.max(0, Math.min(range.getValue(), endBytes) - Math.max(range.getKey(), startBytes));
    }
    return total;
  }

  /**
   * Takes a piece out, of the first range that is long enough.
   *
   * @return where it starts, or -1
   */
  synchronized long take(long lengthBytes) {
    long start = -1;
    for (Map.Entry<Long, Long> range : ends.entrySet()) {
      if (range.getValue() - range.getKey() >= lengthBytes) {
        start = range.getKey();
        break;
      }
    }
    if (start >= 0) {
      long end = ends.remove(start);
      if (end - start > lengthBytes) {
        ends.put(start + lengthBytes, end);
      }
      isEmpty = ends.isEmpty();
    }
    return start;
  }

  /** Tells of all, in order; without the lock, so as of now. */
  <E extends Exception> void forEach(Visitor<E> visitor) throws E {
    for (Map.Entry<Long, Long> range : copy().entrySet()) {
      visitor.range(range.getKey(), range.getValue());
    }
  }
}
