package org.example.template;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

/** The filter of one device: passes every bio down, and counts those that took long. */
final class TemplateFilter implements Filter {
  private final long slowNanos;
  private final LongSupplier nanoClock;
  private final LongAdder bioCount = new LongAdder();
  private final LongAdder slowCount = new LongAdder();

  TemplateFilter(Duration slow, LongSupplier nanoClock) {
    this.slowNanos = slow.toNanos();
    this.nanoClock = nanoClock;
  }

  /** Called by many threads at once, so what it changes must bear that. */
  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    long startNanos = nanoClock.getAsLong();
    next.submit(bio);
    bioCount.increment();
    if (nanoClock.getAsLong() - startNanos > slowNanos) {
      slowCount.increment();
    }
  }

  /** There is one command, and the registry lets no other through. */
  @Override
  public Map<String, Object> ctl(String command, List<String> arguments) {
    return new TreeMap<>(Map.of("bio_count", bioCount.sum(), "slow_count", slowCount.sum()));
  }
}
