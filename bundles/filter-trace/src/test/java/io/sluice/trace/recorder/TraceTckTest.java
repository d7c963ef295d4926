package io.sluice.trace.recorder;

import io.sluice.filter.FilterOperations;
import io.sluice.tck.FilterTck;
import java.time.Instant;
import java.util.Map;

/** The rules for filters, on this one while it records. */
class TraceTckTest extends FilterTck {
  @Override
  protected FilterOperations operations() {
    return new TraceOperations(System::nanoTime, () -> Instant.EPOCH, Thread::new);
  }

  @Override
  protected Map<String, String> options() {
    return Map.of("data", "crc");
  }
}
