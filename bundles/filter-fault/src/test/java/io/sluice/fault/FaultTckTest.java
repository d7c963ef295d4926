package io.sluice.fault;

import io.sluice.filter.FilterOperations;
import io.sluice.tck.FilterTck;

/** The rules for filters, on this one without a rule. */
class FaultTckTest extends FilterTck {
  @Override
  protected FilterOperations operations() {
    return new FaultOperations();
  }
}
