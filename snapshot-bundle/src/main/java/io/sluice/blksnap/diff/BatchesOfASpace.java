package io.sluice.blksnap.diff;

import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;

/** Where a space's batches get their place, and where they go. */
final class BatchesOfASpace implements WriteBehind.Destination {
  private final DiffSpace space;
  private final SpaceAllocator allocator;
  private final DiffSpace.GrowthFailureListener faults;

  BatchesOfASpace(
      DiffSpace space, SpaceAllocator allocator, DiffSpace.GrowthFailureListener faults) {
    this.space = space;
    this.allocator = allocator;
    this.faults = faults;
  }

  @Override
  public boolean allocate(Batch batch, int unitBytes, int lengthMaxBytes) throws ErrnoException {
    return allocator.allocate(batch, unitBytes, lengthMaxBytes);
  }

  @Override
  public void giveBack(long offsetBytes, int lengthBytes) {
    allocator.giveBack(offsetBytes, lengthBytes);
  }

  @Override
  public void store(long offsetBytes, ByteBuffer data) throws ErrnoException {
    space.write(offsetBytes, data);
  }

  @Override
  public boolean enter() {
    return space.enter();
  }

  @Override
  public void leave() {
    space.leave();
  }

  @Override
  public String description() {
    return space.description();
  }

  @Override
  public void fault(ErrnoException fault) {
    faults.growthFailed(fault);
  }
}
