package io.sluice.itests.acceptance;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/** A filter just above the origin that counts the flags of what comes down to it. */
final class BioFlags implements FilterOperations, Filter {
  private final AtomicInteger reads = new AtomicInteger();
  private final AtomicInteger readsWithFlags = new AtomicInteger();
  private final AtomicInteger fuaWrites = new AtomicInteger();

  int reads() {
    return reads.get();
  }

  int readsWithFlags() {
    return readsWithFlags.get();
  }

  int fuaWrites() {
    return fuaWrites.get();
  }

  @Override
  public String name() {
    return "bio-flags";
  }

  @Override
  public int altitude() {
    return 50;
  }

  @Override
  public Set<BioOp> ops() {
    return EnumSet.allOf(BioOp.class);
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) {
    return this;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (bio.op() == BioOp.READ) {
      reads.incrementAndGet();
      readsWithFlags.addAndGet(bio.flags() == 0 ? 0 : 1);
    } else if (bio.has(Bio.FUA)) {
      fuaWrites.incrementAndGet();
    }
    next.submit(bio);
  }
}
