package io.sluice.diffstore.tmpfs.internal;

import io.sluice.diffstore.DiffStoreProvider;
import io.sluice.tck.DiffStoreTck;

class TmpfsDiffStoreTckTest extends DiffStoreTck {
  @Override
  protected DiffStoreProvider provider() {
    return new TmpfsDiffStoreProvider(new MemoryBudget(16 << 20, () -> Long.MAX_VALUE));
  }

  @Override
  protected String kind() {
    return TmpfsDiffStoreProvider.KIND;
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
