package org.example.template;

import io.sluice.filter.FilterOperations;
import io.sluice.tck.FilterTck;

/** Holds the filter to the rules of the filter API, one test for each. */
class TemplateFilterTckTest extends FilterTck {
  @Override
  protected FilterOperations operations() {
    return new TemplateOperations();
  }
}
