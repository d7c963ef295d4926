package io.sluice.diffstore.file.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.store.DescriptorStore;
import io.sluice.swap.HandOver;
import java.util.List;
import java.util.Map;

/**
 * A store in a regular file, as long as its capacity. Space is reserved by fallocate, so that a
 * write below the capacity does not meet a full file system. Where the file system has no fallocate
 * the file is only lengthened, and the description says so.
 */
final class FileDiffStore extends DescriptorStore {
  /** Of the hand-over; beyond what all such stores tell it has {@link #RESERVES}. */
  static final String FORMAT = "file-store/1";

  private static final String RESERVES = "reserves";

  private volatile boolean reserves;

  private FileDiffStore(
      ControlDescriptor control,
      String name,
      List<StorageIdentity> identities,
      long capacityBytes,
      boolean reserves)
      throws ErrnoException {
    super(control, name, identities, capacityBytes);
    this.reserves = reserves;
  }

  /**
   * Takes over {@code control}, unless this throws.
   *
   * @param name for people, with the path
   * @throws ErrnoException ENOSPC if the file has holes that the file system can't fill; what
   *     opening the channel reports
   */
  static FileDiffStore of(ControlDescriptor control, String name, List<StorageIdentity> identities)
      throws ErrnoException {
    long sizeBytes = control.sizeBytes();
    boolean reserves = sizeBytes == 0 || fillHoles(control, sizeBytes);
    return new FileDiffStore(control, name, identities, sizeBytes, reserves);
  }

  /** As {@link DescriptorStore#takeOver}. */
  static FileDiffStore takeOver(HandOver handOver) throws ErrnoException {
    return takeOver(
        FORMAT,
        handOver,
        (control, told) ->
            new FileDiffStore(
                control,
                told.name(),
                told.identities(),
                told.capacityBytes(),
                Boolean.parseBoolean(told.more().get(RESERVES))));
  }

  @Override
  public HandOver handOver() throws ErrnoException {
    return giveAway(FORMAT, Map.of(RESERVES, Boolean.toString(reserves)));
  }

  private static boolean fillHoles(ControlDescriptor control, long sizeBytes)
      throws ErrnoException {
    try {
      return control.reserve(0, sizeBytes);
    } catch (ErrnoException e) {
      punchHoles(control, sizeBytes, e);
      throw new ErrnoException(
          e.errno(),
          e.text()
              + "; the file has holes in its "
              + sizeBytes
              + " bytes that its file system has no room for: make it shorter (truncate -s 0)",
          e);
    }
  }

  /** Gives back what was reserved in part; what was never written reads as a hole either way. */
  private static void punchHoles(
      ControlDescriptor control, long sizeBytes, ErrnoException because) {
    try {
      long at = control.nextHoleBytes(0);
      while (at >= 0 && at < sizeBytes) {
        long dataAt = control.nextDataBytes(at);
        long end = dataAt < 0 ? sizeBytes : dataAt;
        control.punchHole(at, end - at);
        at = dataAt < 0 ? -1 : control.nextHoleBytes(dataAt);
      }
    } catch (ErrnoException e) {
      because.addSuppressed(e);
    }
  }

  @Override
  public long capacityMaxBytes() {
    return Long.MAX_VALUE;
  }

  @Override
  protected void reserve(long presentBytes, long wantedBytes) throws ErrnoException {
    checkRoom(wantedBytes - presentBytes);
    try {
      if (reserves) {
        reserves = control().reserve(presentBytes, wantedBytes - presentBytes);
      }
      if (!reserves) {
        control().truncate(wantedBytes);
      }
    } catch (ErrnoException e) {
      giveBack(presentBytes, e);
      throw e;
    }
  }

  /**
   * Refuses what can't fit before it is tried: fallocate would fill the file system to the brim
   * before it fails, and whoever else writes there, such as an origin, would meet ENOSPC meanwhile.
   */
  private void checkRoom(long moreBytes) throws ErrnoException {
    // 0 stands for a full file system as well as for one that can't tell; the kernel knows which.
    long roomBytes = control().path().toFile().getUsableSpace();
    if (reserves && roomBytes > 0 && moreBytes > roomBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          moreBytes
              + " more are needed, its file system has "
              + roomBytes
              + "; free some, or use another store");
    }
  }

  private void giveBack(long presentBytes, ErrnoException because) {
    try {
      control().truncate(presentBytes);
    } catch (ErrnoException e) {
      because.addSuppressed(e);
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
      // A hint by contract: the space stays taken, which is no loss to anybody.
      return;
    }
  }

  @Override
  public String description() {
    return reserves ? name() : name() + " (space not reserved: the file system has no fallocate)";
  }
}
