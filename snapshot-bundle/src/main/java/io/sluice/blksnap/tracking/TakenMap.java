package io.sluice.blksnap.tracking;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.UUID;

/**
 * The change map of one take: one byte for each tracking block, the number of the interval in which
 * it was last written. It stands still, but for marks of what is written to images and of what the
 * user declares changed. What it says is of the take that filled it; nobody has it before.
 */
public final class TakenMap {
  final byte[] numbers;
  final long capacityBytes;
  final int blockShift;
  private UUID generation;
  private int number;
  private volatile boolean marked;

  /**
   * Makes room for a map.
   *
   * @throws ErrnoException ENOMEM if there is none
   */
  static TakenMap allocate(String device, long capacityBytes, int blockShift, int blockCount)
      throws ErrnoException {
    try {
      return new TakenMap(new byte[blockCount], capacityBytes, blockShift);
    } catch (OutOfMemoryError e) {
      throw new ErrnoException(
          Errno.ENOMEM,
          "change map of "
              + device
              + ": no memory for "
              + blockCount
              + " bytes more; destroy a snapshot, or raise tracking_block_minimum_shift",
          e);
    }
  }

  TakenMap(byte[] numbers, long capacityBytes, int blockShift) {
    this.numbers = numbers;
    this.capacityBytes = capacityBytes;
    this.blockShift = blockShift;
  }

  /** Becomes the map of a take, before anybody else has it. */
  void take(UUID takenGeneration, int takenNumber) {
    generation = takenGeneration;
    number = takenNumber;
  }

  /** The generation of the take. */
  public UUID generation() {
    return generation;
  }

  /** The number of the take, 1 to 255; 0 before the first. */
  public int number() {
    return number;
  }

  /** A range is changed, in the interval that ended with the take. */
  void mark(long offsetBytes, long lengthBytes) {
    ChangeTracker.fill(numbers, (byte) number, blockShift, capacityBytes, offsetBytes, lengthBytes);
    marked = true;
  }

  /** Whether blocks that were last written in an interval are changed since an earlier take. */
  boolean isChanged(int block, int sinceNumber) {
    return (numbers[block] & 0xff) > sinceNumber;
  }

  /**
   * Tells what has changed since an earlier take of the generation: state 1, else 0. Neighbours
   * have different states.
   *
   * @param sinceNumber that take's number; this take's own for what was marked after it
   * @param offsetBytes inside the capacity
   * @param lengthBytes at least 1; clipped at the capacity
   */
  public void changed(int sinceNumber, long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
    // A mark has this take's number, and can't be told from what was written in its interval.
    int base = sinceNumber == number && marked ? sinceNumber - 1 : sinceNumber;
    visit(base, offsetBytes, lengthBytes, visitor);
  }

  /** Tells the numbers as they are, in the same way. */
  public void numbers(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
    visit(-1, offsetBytes, lengthBytes, visitor);
  }

  /**
   * @param base the number above which a block is changed, or -1 for the numbers themselves
   */
  private void visit(int base, long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
    long endBytes = offsetBytes + Math.min(lengthBytes, capacityBytes - offsetBytes);
    long at = offsetBytes;
    while (at < endBytes) {
      int block = (int) (at >>> blockShift);
      int lastBlock = (int) ((endBytes - 1) >>> blockShift);
      int state = state(block++, base);
      while (block <= lastBlock && state(block, base) == state) {
        block++;
      }
      long extentEnd = Math.min((long) block << blockShift, endBytes);
      if (!visitor.extent(extentEnd - at, state)) {
        return;
      }
      at = extentEnd;
    }
  }

  private int state(int block, int base) {
    int last = numbers[block] & 0xff;
    return base < 0 ? last : last > base ? 1 : 0;
  }
}
