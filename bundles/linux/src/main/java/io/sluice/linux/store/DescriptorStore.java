package io.sluice.linux.store;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.diffstore.DiffStore;
import io.sluice.linux.ControlDescriptor;
import io.sluice.linux.SteadyChannel;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;

/**
 * A difference store whose bytes lie behind a descriptor, from 0 on. A kind of its own says how it
 * grows, and what it does with space that is released.
 */
public abstract class DescriptorStore implements DiffStore {
  private final ControlDescriptor control;
  private final SteadyChannel channel;
  private final String name;
  private final List<StorageIdentity> identities;
  private volatile long capacityBytes;
  // Some of what was written is lost, and it is not known what.
  private volatile ErrnoException lost;
  private volatile boolean closed;

  /**
   * Takes over {@code control}, unless this throws.
   *
   * @param name for people, with the path
   * @param identities what the store's writes may change
   * @param capacityBytes what can be written to start with
   * @throws ErrnoException what opening a channel reports
   */
  protected DescriptorStore(
      ControlDescriptor control, String name, List<StorageIdentity> identities, long capacityBytes)
      throws ErrnoException {
    this.control = control;
    this.name = name;
    this.identities = identities;
    this.capacityBytes = capacityBytes;
    this.channel = new SteadyChannel(control, name, true, 0);
  }

  /** Makes a store of what was handed over. */
  @FunctionalInterface
  protected interface Successor<S> {
    /** Takes over {@code control}, unless this throws. */
    S goOn(ControlDescriptor control, StoreHandOver told) throws ErrnoException;
  }

  /**
   * Goes on with a store that was given away. Locks and claims stay all the while: the new
   * descriptor is of the same open file description.
   *
   * @throws ErrnoException ENOTSUP for another format; EINVAL if it is not told as the format has
   *     it; EIO if the file was cut short; what opening the channel reports. The hand-over is
   *     untouched then
   */
  protected static <S> S takeOver(String format, HandOver handOver, Successor<S> successor)
      throws ErrnoException {
    StoreHandOver told = StoreHandOver.of(format, handOver);
    ControlDescriptor control = told.descriptor();
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
      S store = successor.goOn(control, told);
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

  /**
   * Gives the descriptor away, with what is told of it.
   *
   * @param more what the kind adds
   */
  protected final HandOver giveAway(String format, Map<String, String> more) throws ErrnoException {
    synchronized (this) {
      if (closed) {
        throw new ErrnoException(Errno.ESHUTDOWN, "hand-over of " + name + ": it is closed");
      }
      checkWrittenBack(); // a successor would not hear of it
      closed = true;
    }
    HandOver handOver =
        new StoreHandOver(format, name, capacityBytes, identities, more).with(control);
    gone();
    try {
      channel.close();
    } catch (ErrnoException e) {
      // Late news of a write: what it wrote is read back through the page cache all the same.
      return handOver;
    }
    return handOver;
  }

  /** The open file. */
  protected final ControlDescriptor control() {
    return control;
  }

  /** For people, with the path. */
  protected final String name() {
    return name;
  }

  @Override
  public final long capacityBytes() {
    return capacityBytes;
  }

  @Override
  public final void read(long offsetBytes, ByteBuffer data) throws ErrnoException {
    checkRange("read", offsetBytes, data.remaining());
    channel.readFully(offsetBytes, data);
    checkWrittenBack(); // afterwards: what was lost before may have been read
  }

  @Override
  public final void write(long offsetBytes, ByteBuffer data) throws ErrnoException {
    checkRange("write", offsetBytes, data.remaining());
    checkWrittenBack();
    channel.writeFully(offsetBytes, data);
  }

  /** Whether what is written has to get from memory to a storage, which may fail unseen. */
  protected boolean isWrittenBack() {
    return true;
  }

  private void checkWrittenBack() throws ErrnoException {
    if (lost == null && isWrittenBack() && !closed) {
      try {
        control.checkWrittenBack();
      } catch (ErrnoException e) {
        lost = e;
      }
    }
    if (lost != null) {
      throw new ErrnoException(
          Errno.EIO,
          name + ": what was written did not reach its storage (" + lost.getMessage() + ")",
          lost);
    }
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
  public final void grow(long wantedBytes) throws ErrnoException {
    long presentBytes = capacityBytes;
    String what = "grow of " + name + " to " + wantedBytes + " bytes: ";
    if (wantedBytes < presentBytes) {
      throw new ErrnoException(Errno.EINVAL, what + "it has " + presentBytes + " already");
    }
    if (wantedBytes == presentBytes) {
      return;
    }
    if (wantedBytes > capacityMaxBytes()) {
      throw new ErrnoException(
          Errno.ENOSPC, what + "it ends at " + capacityMaxBytes() + "; use a larger store");
    }
    try {
      reserve(presentBytes, wantedBytes);
    } catch (ErrnoException e) {
      throw new ErrnoException(e.errno(), what + e.text(), e);
    }
    capacityBytes = wantedBytes;
  }

  /**
   * Makes room up to a new capacity; after a failure all is as it was.
   *
   * @param presentBytes the capacity
   * @param wantedBytes a larger one, at most {@link #capacityMaxBytes()}
   */
  protected abstract void reserve(long presentBytes, long wantedBytes) throws ErrnoException;

  @Override
  public String description() {
    return name;
  }

  @Override
  public final List<StorageIdentity> identities() {
    return identities;
  }

  /** The store has been closed or given away; called once. */
  protected void gone() {}

  @Override
  public final void close() throws ErrnoException {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    try {
      channel.close();
    } finally {
      control.close();
      gone();
    }
  }
}
