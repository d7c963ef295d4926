package org.example.heapstore;

import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.tck.DiffStoreTck;

/** Holds the store to the rules of the filter API, one test for each. */
class HeapDiffStoreTckTest extends DiffStoreTck {
  @Override
  protected DiffStoreProvider provider() {
    return new HeapDiffStoreProvider(16 << 20);
  }

  @Override
  protected String kind() {
    return HeapDiffStoreProvider.KIND;
  }

  @Override
  protected String argument() {
    return "8M";
  }

  /** Each store of that size is another one. */
  @Override
  protected boolean namesOneStorage() {
    return false;
  }
}
