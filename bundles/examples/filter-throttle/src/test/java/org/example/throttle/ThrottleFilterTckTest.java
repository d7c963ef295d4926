package org.example.throttle;

import io.sluice.filter.FilterOperations;
import io.sluice.tck.FilterTck;
import java.util.Map;

/** Holds the filter to the rules of the filter API while it has to hold bios back. */
class ThrottleFilterTckTest extends FilterTck {
  @Override
  protected FilterOperations operations() {
    return new ThrottleOperations();
  }

  @Override
  protected Map<String, String> options() {
    return Map.of("iops", "10000", "bandwidth-write", "100M", "burst", "1ms");
  }
}
