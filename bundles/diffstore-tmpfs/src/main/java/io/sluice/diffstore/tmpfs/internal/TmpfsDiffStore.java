package io.sluice.diffstore.tmpfs.internal;

import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.store.DescriptorStore;
import io.sluice.swap.HandOver;
import java.util.List;
import java.util.Map;

/**
 * A store in a file that lies in memory and has no name. Its pages are the kernel's, so the heap is
 * not touched, they can be swapped out, and they are gone when the agent is, however it ends.
 */
final class TmpfsDiffStore extends DescriptorStore {
  /** Of the hand-over; beyond what all such stores tell it has {@link #CAPACITY_MAX}. */
  static final String FORMAT = "tmpfs-store/1";

  private static final String CAPACITY_MAX = "capacityMaxBytes";

  private final long capacityMaxBytes;
  private final MemoryBudget budget;

  private TmpfsDiffStore(
      ControlDescriptor control,
      List<StorageIdentity> identities,
      long capacityBytes,
      long capacityMaxBytes,
      MemoryBudget budget)
      throws ErrnoException {
    super(control, "tmpfs of at most " + capacityMaxBytes + " bytes", identities, capacityBytes);
    this.capacityMaxBytes = capacityMaxBytes;
    this.budget = budget;
  }

  /** An empty one. */
  static TmpfsDiffStore create(long capacityMaxBytes, MemoryBudget budget) throws ErrnoException {
    ControlDescriptor control = ControlDescriptor.createInMemory("sluice-tmpfs-store");
    try {
      List<StorageIdentity> identities = List.of(control.status().identity());
      return new TmpfsDiffStore(control, identities, 0, capacityMaxBytes, budget);
    } catch (ErrnoException e) {
      control.close();
      throw e;
    }
  }

  /** As {@link DescriptorStore#takeOver}; what it has counts in this budget from now on. */
  static TmpfsDiffStore takeOver(HandOver handOver, MemoryBudget budget) throws ErrnoException {
    TmpfsDiffStore store =
        takeOver(
            FORMAT,
            handOver,
            (control, told) ->
                new TmpfsDiffStore(
                    control,
                    told.identities(),
                    told.capacityBytes(),
                    told.number(CAPACITY_MAX),
                    budget));
    budget.count(store.capacityBytes());
    return store;
  }

  @Override
  protected boolean isWrittenBack() {
    return false; // it is memory
  }

  @Override
  public HandOver handOver() throws ErrnoException {
    return giveAway(FORMAT, Map.of(CAPACITY_MAX, Long.toString(capacityMaxBytes)));
  }

  @Override
  public long capacityMaxBytes() {
    return capacityMaxBytes;
  }

  @Override
  protected void reserve(long presentBytes, long wantedBytes) throws ErrnoException {
    long moreBytes = wantedBytes - presentBytes;
    budget.reserve(moreBytes);
    try {
      if (!control().reserve(presentBytes, moreBytes)) {
        control().truncate(wantedBytes);
      }
    } catch (ErrnoException e) {
      budget.giveBack(moreBytes);
      throw e;
    }
  }

  @Override
  public void release(long offsetBytes, long lengthBytes) {
    if (lengthBytes <= 0) {
      return;
    }
    try {
      control().punchHole(offsetBytes, lengthBytes);
    } catch (ErrnoException e) {
      // A hint by contract; the memory comes back when the store is closed.
      return;
    }
  }

  @Override
  protected void gone() {
    budget.giveBack(capacityBytes());
  }
}
