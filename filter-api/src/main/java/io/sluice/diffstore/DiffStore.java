package io.sluice.diffstore;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * One open difference store: bytes from 0 to {@link #capacityBytes()}. It keeps nothing beyond its
 * life, needs no flush and no order between writes; whoever opened it is its only user.
 *
 * <p>{@link #read} and {@link #write} may be called from any thread, at the same time. Two writes
 * never overlap; a read beside a write of the same range returns old or new bytes, sector by
 * sector. They block like the storage does. {@link #grow} and {@link #release} may run beside them;
 * {@link #grow} is called by one thread at a time, {@link #close} when nothing else runs.
 */
@ConsumerType
public interface DiffStore extends AutoCloseable {
  /** The bytes that can be written now, reserved as far as the storage can promise. */
  long capacityBytes();

  /** What {@link #grow} can reach at most: a device's real end; {@code Long.MAX_VALUE} if open. */
  long capacityMaxBytes();

  /**
   * Fills {@code data} from its position to its limit.
   *
   * @param offsetBytes the range lies below {@link #capacityBytes()} and was written before
   * @throws ErrnoException EIO and what the storage reports; never short
   */
  void read(long offsetBytes, ByteBuffer data) throws ErrnoException;

  /**
   * Stores {@code data} from its position to its limit.
   *
   * @param offsetBytes the range lies below {@link #capacityBytes()}
   * @throws ErrnoException ENOSPC, EIO and what the storage reports; never short
   */
  void write(long offsetBytes, ByteBuffer data) throws ErrnoException;

  /**
   * Reserves space up to {@code capacityBytes}. After a failure the capacity is what it was, and
   * growing may be tried again.
   *
   * @param capacityBytes at least the present capacity, at most {@link #capacityMaxBytes()}
   * @throws ErrnoException ENOSPC, EDQUOT, EFBIG and what the storage reports
   */
  void grow(long capacityBytes) throws ErrnoException;

  /**
   * Says that a range is of no more use; its space may go back. It keeps counting as capacity. A
   * hint: failures are swallowed.
   */
  void release(long offsetBytes, long lengthBytes);

  /** What it is, for people: {@code "file /var/tmp/diff"}. */
  String description();

  /** Everything whose bytes this store's writes may change: its file, and the device it is. */
  List<StorageIdentity> identities();

  /**
   * Gives the open store away, for {@link DiffStoreProvider#takeOver} of another version of the
   * provider. This one is closed then, but nothing in it is lost and nobody else could open it.
   * Called when nothing else runs.
   *
   * @throws ErrnoException ENOTSUP if its kind can't be given away; it goes on as before
   */
  default HandOver handOver() throws ErrnoException {
    throw new ErrnoException(
        Errno.ENOTSUP, description() + ": a store of this kind can't be handed over");
  }

  /** Lets the store go; an unnamed file vanishes, a named one stays. Idempotent. */
  @Override
  void close() throws ErrnoException;
}
