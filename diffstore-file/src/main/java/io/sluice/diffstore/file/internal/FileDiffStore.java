package io.sluice.diffstore.file.internal;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.SteadyChannel;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * A store in a regular file, as long as its capacity. Space is reserved by fallocate, so that a
 * write below the capacity does not meet a full file system. Where the file system has no fallocate
 * the file is only lengthened, and the description says so.
 */
final class FileDiffStore implements DiffStore {
  private final ControlDescriptor control;
  private final SteadyChannel channel;
  private final String name;
  private final List<StorageIdentity> identities;
  private volatile long capacityBytes;
  private volatile boolean reserves = true;
  private boolean closed;

  /**
   * Takes over {@code control}, unless this throws.
   *
   * @param name for people, with the path
   * @throws ErrnoException ENOSPC if the file has holes that the file system can't fill; what
   *     opening the channel reports
   */
  FileDiffStore(ControlDescriptor control, String name, List<StorageIdentity> identities)
      throws ErrnoException {
    this.control = control;
    this.name = name;
    this.identities = identities;
    long sizeBytes = control.sizeBytes();
    if (sizeBytes > 0) {
      fillHoles(sizeBytes);
    }
    this.capacityBytes = sizeBytes;
    this.channel = new SteadyChannel(control, name, true, 0);
  }

  private FileDiffStore(ControlDescriptor control, FileHandOver told) throws ErrnoException {
    this.control = control;
    this.name = told.name();
    this.identities = told.identities();
    this.capacityBytes = told.capacityBytes();
    this.reserves = told.reserves();
    this.channel = new SteadyChannel(control, name, true, 0);
  }

  /**
   * Goes on with a store that was given away. The lock stays all the while: the new descriptor is
   * of the same open file description.
   *
   * @throws ErrnoException EINVAL if it is not told as the format has it; EIO if the file was cut
   *     short; what opening the channel reports. The hand-over is untouched then
   */
  static FileDiffStore takeOver(HandOver handOver) throws ErrnoException {
    FileHandOver told = FileHandOver.of(handOver);
    ControlDescriptor control = told.descriptor(handOver);
    try {
      long sizeBytes = control.sizeBytes();
      if (sizeBytes < told.capacityBytes()) {
        throw new ErrnoException(
            Errno.EIO,
            "take over "
                + told.name()
                + ": it has "
                + sizeBytes
                + " bytes of "
                + told.capacityBytes()
                + "; it was truncated underneath");
      }
      FileDiffStore store = new FileDiffStore(control, told);
      handOver.close();
      return store;
    } catch (ErrnoException | RuntimeException e) {
      try {
        control.close();
      } catch (ErrnoException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  private void fillHoles(long sizeBytes) throws ErrnoException {
    try {
      reserves = control.reserve(0, sizeBytes);
    } catch (ErrnoException e) {
      punchHoles(sizeBytes, e);
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
  private void punchHoles(long sizeBytes, ErrnoException because) {
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
  public long capacityBytes() {
    return capacityBytes;
  }

  @Override
  public long capacityMaxBytes() {
    return Long.MAX_VALUE;
  }

  @Override
  public void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    checkRange("read", offsetBytes, data.remaining());
    channel.readFully(offsetBytes, data);
  }

  @Override
  public void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    checkRange("write", offsetBytes, data.remaining());
    channel.writeFully(offsetBytes, data);
  }

  private void checkRange(String what, long offsetBytes, int lengthBytes) throws ErrnoException {
    if (offsetBytes < 0 || offsetBytes > capacityBytes - lengthBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + " of "
              + lengthBytes
              + " bytes at "
              + offsetBytes
              + " of "
              + name
              + ": outside its capacity of "
              + capacityBytes
              + " bytes");
    }
  }

  @Override
  public void grow(long wantedBytes) throws ErrnoException {
    long presentBytes = capacityBytes;
    if (wantedBytes < presentBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "grow of " + name + " to " + wantedBytes + " bytes: it has " + presentBytes + " already");
    }
    if (wantedBytes == presentBytes) {
      return;
    }
    checkRoom(wantedBytes, wantedBytes - presentBytes);
    try {
      if (reserves) {
        reserves = control.reserve(presentBytes, wantedBytes - presentBytes);
      }
      if (!reserves) {
        control.truncate(wantedBytes);
      }
    } catch (ErrnoException e) {
      giveBack(presentBytes, e);
      throw new ErrnoException(
          e.errno(), "grow of " + name + " to " + wantedBytes + " bytes: " + e.text(), e);
    }
    capacityBytes = wantedBytes;
  }

  /**
   * Refuses what can't fit before it is tried: fallocate would fill the file system to the brim
   * before it fails, and whoever else writes there, such as an origin, would meet ENOSPC meanwhile.
   */
  private void checkRoom(long wantedBytes, long moreBytes) throws ErrnoException {
    // 0 stands for a full file system as well as for one that can't tell; the kernel knows which.
    long roomBytes = control.path().toFile().getUsableSpace();
    if (reserves && roomBytes > 0 && moreBytes > roomBytes) {
      throw new ErrnoException(
          Errno.ENOSPC,
          "grow of "
              + name
              + " to "
              + wantedBytes
              + " bytes: "
              + moreBytes
              + " more are needed, its file system has "
              + roomBytes
              + "; free some, or use another store");
    }
  }

  private void giveBack(long presentBytes, ErrnoException because) {
    try {
      control.truncate(presentBytes);
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
      control.punchHole(offsetBytes, lengthBytes);
    } catch (ErrnoException e) {
      // A hint by contract: the space stays taken, which is no loss to anybody.
      return;
    }
  }

  @Override
  public String description() {
    return reserves ? name : name + " (space not reserved: the file system has no fallocate)";
  }

  @Override
  public List<StorageIdentity> identities() {
    return identities;
  }

  @Override
  public synchronized HandOver handOver() throws ErrnoException {
    if (closed) {
      throw new ErrnoException(Errno.ESHUTDOWN, "hand-over of " + name + ": it is closed");
    }
    closed = true;
    HandOver handOver = new FileHandOver(name, capacityBytes, reserves, identities).with(control);
    try {
      channel.close();
    } catch (ErrnoException e) {
      // Late news of a write: what it wrote is read back through the page cache all the same.
      return handOver;
    }
    return handOver;
  }

  @Override
  public synchronized void close() throws ErrnoException {
    if (closed) {
      return;
    }
    closed = true;
    try {
      channel.close();
    } finally {
      control.close();
    }
  }
}
