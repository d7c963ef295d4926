package io.sluice.blksnap.session;

import io.sluice.filter.FilterOperations;
import io.sluice.tck.FilterTck;

/** The rules for filters, on blksnap without a snapshot. */
class BlksnapTckTest extends FilterTck {
  @Override
  protected FilterOperations operations() {
    EngineFixture fixture = new EngineFixture() {};
    fixture.engineOnOneDisk();
    return fixture.engine.operations();
  }
}
