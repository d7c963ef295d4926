package io.sluice.diffstore.blockdev.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.store.DescriptorStore;
import io.sluice.swap.HandOver;
import java.util.List;
import java.util.Map;

/** A store on a whole block device, from its first byte to its last. All of it is there at once. */
final class BlockdevDiffStore extends DescriptorStore {
  /** Of the hand-over, which is what all such stores tell. */
  static final String FORMAT = "blockdev-store/1";

  /** A page: of less than that the kernel might keep a part, and has to write it back. */
  private static final int DISCARD_UNIT_BYTES = 4096;

  /** Until the device says that it can't. */
  private volatile boolean discards = true;

  /** Takes over {@code control}, unless this throws. */
  BlockdevDiffStore(
      ControlDescriptor control, String name, List<StorageIdentity> identities, long sizeBytes)
      throws ErrnoException {
    super(control, name, identities, sizeBytes);
  }

  /** As {@link DescriptorStore#takeOver}. */
  static BlockdevDiffStore takeOver(HandOver handOver) throws ErrnoException {
    return takeOver(
        FORMAT,
        handOver,
        (control, told) ->
            new BlockdevDiffStore(control, told.name(), told.identities(), told.capacityBytes()));
  }

  @Override
  public HandOver handOver() throws ErrnoException {
    return giveAway(FORMAT, Map.of());
  }

  @Override
  public long capacityMaxBytes() {
    return capacityBytes();
  }

  @Override
  protected void reserve(long presentBytes, long wantedBytes) throws ErrnoException {
    throw new ErrnoException(Errno.ENOSPC, "a device does not grow");
  }

  @Override
  public void release(long offsetBytes, long lengthBytes) {
    long startBytes = -Math.floorDiv(-offsetBytes, DISCARD_UNIT_BYTES) * DISCARD_UNIT_BYTES;
    long endBytes =
        Math.floorDiv(offsetBytes + lengthBytes, DISCARD_UNIT_BYTES) * DISCARD_UNIT_BYTES;
    if (!discards || startBytes >= endBytes) {
      return;
    }
    try {
      discards = control().discardBlocks(startBytes, endBytes - startBytes);
    } catch (ErrnoException e) {
      // A hint by contract: the blocks stay allocated, which is no loss to anybody.
      return;
    }
  }
}
