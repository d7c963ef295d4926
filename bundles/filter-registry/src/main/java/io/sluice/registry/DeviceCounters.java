package io.sluice.registry;

import io.sluice.block.BioOp;
import io.sluice.filter.DeviceStats;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** What a live device has done. Thread-safe; adders, so that threads do not share cache lines. */
final class DeviceCounters {
  /** Completed bios and their bytes; the maps themselves never change. */
  private final Map<BioOp, LongAdder> counts = adders();

  private final Map<BioOp, LongAdder> bytes = adders();
  private final LongAdder errors = new LongAdder();
  private final AtomicLong freezes = new AtomicLong();
  private final AtomicLong freezeMaxNanos = new AtomicLong();

  private static Map<BioOp, LongAdder> adders() {
    Map<BioOp, LongAdder> adders = new EnumMap<>(BioOp.class);
    for (BioOp op : BioOp.values()) {
      adders.put(op, new LongAdder());
    }
    return adders;
  }

  void completed(BioOp op, long lengthBytes) {
    counts.get(op).increment();
    bytes.get(op).add(lengthBytes);
  }

  void failed() {
    errors.increment();
  }

  void frozen(long heldNanos) {
    freezes.incrementAndGet();
    freezeMaxNanos.accumulateAndGet(heldNanos, Math::max);
  }

  DeviceStats stats(String device, long inFlightCount) {
    return new DeviceStats(
        device,
        count(BioOp.READ),
        bytes(BioOp.READ),
        count(BioOp.WRITE),
        bytes(BioOp.WRITE),
        count(BioOp.FLUSH),
        count(BioOp.DISCARD),
        bytes(BioOp.DISCARD),
        count(BioOp.WRITE_ZEROES),
        bytes(BioOp.WRITE_ZEROES),
        errors.sum(),
        inFlightCount,
        freezes.get(),
        freezeMaxNanos.get());
  }

  private long count(BioOp op) {
    return counts.get(op).sum();
  }

  private long bytes(BioOp op) {
    return bytes.get(op).sum();
  }
}
