package io.sluice.block;

import java.nio.ByteBuffer;

/**
 * One unit of I/O: an operation, a byte range, flags, and for reads and writes a buffer.
 *
 * <p>A bio belongs to whoever submits it and is made to be reused: set it up with one of {@link
 * #read}, {@link #write}, {@link #flush}, {@link #discard}, {@link #writeZeroes}, submit it, and
 * set it up again after {@link BlockDevice#submit} has returned. While {@code submit} runs, the bio
 * and the bytes of its buffer belong to the device; neither may be kept beyond the return. A filter
 * that changes a range or a buffer submits a bio of its own and leaves the one it was given as it
 * is.
 *
 * <p>Ranges are in bytes, start inclusive. Both ends are multiples of the device's {@link
 * DeviceGeometry#blockSizeBytes()}; the device checks that, not this class. Not thread-safe.
 */
public final class Bio {
  /** Complete only when this bio's own data are durable. Only on operations that modify data. */
  public static final int FUA = 1;

  /** WRITE_ZEROES must leave the range allocated. */
  public static final int NO_UNMAP = 1 << 1;

  /** WRITE_ZEROES must fail with ENOTSUP, at once and untouched, if it would cost a full write. */
  public static final int FAST_ONLY = 1 << 2;

  private BioOp op = BioOp.FLUSH;
  private int flags;
  private long offsetBytes;
  private long lengthBytes;
  private ByteBuffer data;

  /**
   * Sets this bio up as a read into {@code data} from its position to its limit.
   *
   * @return this
   */
  public Bio read(long offsetBytes, ByteBuffer data) {
    return set(BioOp.READ, offsetBytes, data.remaining(), 0, data);
  }

  /**
   * Sets this bio up as a write of {@code data} from its position to its limit.
   *
   * @param flags {@link #FUA} or 0
   * @return this
   */
  public Bio write(long offsetBytes, ByteBuffer data, int flags) {
    return set(BioOp.WRITE, offsetBytes, data.remaining(), flags, data);
  }

  /**
   * Sets this bio up as a flush.
   *
   * @return this
   */
  public Bio flush() {
    return set(BioOp.FLUSH, 0, 0, 0, null);
  }

  /**
   * Sets this bio up as a discard.
   *
   * @param flags {@link #FUA} or 0
   * @return this
   */
  public Bio discard(long offsetBytes, long lengthBytes, int flags) {
    return set(BioOp.DISCARD, offsetBytes, lengthBytes, flags, null);
  }

  /**
   * Sets this bio up as a write of zeroes.
   *
   * @param flags any of {@link #FUA}, {@link #NO_UNMAP}, {@link #FAST_ONLY}
   * @return this
   */
  public Bio writeZeroes(long offsetBytes, long lengthBytes, int flags) {
    return set(BioOp.WRITE_ZEROES, offsetBytes, lengthBytes, flags, null);
  }

  private Bio set(BioOp op, long offsetBytes, long lengthBytes, int flags, ByteBuffer data) {
    this.op = op;
    this.offsetBytes = offsetBytes;
    this.lengthBytes = lengthBytes;
    this.flags = flags;
    this.data = data;
    return this;
  }

  /** The operation. */
  public BioOp op() {
    return op;
  }

  /** The flags, any of {@link #FUA}, {@link #NO_UNMAP}, {@link #FAST_ONLY}. */
  public int flags() {
    return flags;
  }

  /** Whether all bits of {@code flag} are set. */
  public boolean has(int flag) {
    return (flags & flag) == flag;
  }

  /** Where the range starts, in bytes; 0 for a flush. */
  public long offsetBytes() {
    return offsetBytes;
  }

  /** The range's length in bytes as it was at set-up, whatever the buffer's position is by now. */
  public long lengthBytes() {
    return lengthBytes;
  }

  /** The first byte after the range. */
  public long endBytes() {
    return offsetBytes + lengthBytes;
  }

  /**
   * The buffer, or null if {@link BioOp#carriesData()} is false. Its remaining bytes are the
   * payload at submission; a completed bio leaves position equal to limit; after a failure the
   * position is undefined and so are the bytes of a read.
   */
  public ByteBuffer data() {
    return data;
  }

  @Override
  public String toString() {
    return op + " " + offsetBytes + "+" + lengthBytes + (flags == 0 ? "" : " flags " + flags);
  }
}
