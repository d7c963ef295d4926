package io.sluice.blksnap.diff;

import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Adjacent regions of a space that are stored together: a buffer, where in the space it goes, and
 * whose data are in it. The {@link WriteBehind} that took it guards all fields by its monitor, but
 * for {@link #bytes}, of which each writer fills its own part.
 */
final class Batch {
  private static final int DEPOSITS_FIRST = 64;

  final ByteBuffer bytes;

  /** Where it goes; may be read without the monitor, to be looked at again within. */
  volatile long startBytes;

  /** How much of the space is its own; as above. */
  volatile int lengthBytes;

  /** How much of that is given to writers. */
  int reservedBytes;

  /** Writers that still copy. */
  int writerCount;

  /** Readers that still copy. */
  int readerCount;

  /** Takes nothing more. */
  boolean closed;

  /** It is in the store, or its data are nobody's; the last reader gives the buffer back. */
  boolean retired;

  /** How it was had, for {@link BatchBuffers#release}. */
  boolean extra;

  private int depositCount;
  private Depositor[] depositors = new Depositor[DEPOSITS_FIRST];
  private long[] units = new long[DEPOSITS_FIRST];
  private int[] starts = new int[DEPOSITS_FIRST];
  private int[] ends = new int[DEPOSITS_FIRST];

  Batch(ByteBuffer bytes) {
    this.bytes = bytes;
  }

  /** Makes it an empty one. */
  void begin(long regionStartBytes, int regionLengthBytes) {
    startBytes = regionStartBytes;
    lengthBytes = regionLengthBytes;
    reservedBytes = 0;
    writerCount = 0;
    readerCount = 0;
    closed = false;
    retired = false;
    Arrays.fill(depositors, 0, depositCount, null);
    depositCount = 0;
  }

  /**
   * Reserves room for as many units as fit, of those given.
   *
   * @param dataBytes the length of the units' data; the last unit may be short of data
   * @return where in {@link #bytes}, or -1 if none fits
   */
  int reserve(int dataBytes, int unitBytes, Depositor depositor, long unit) {
    int unitCount = Math.min((dataBytes - 1) / unitBytes + 1, roomUnits(unitBytes));
    if (closed || unitCount == 0) {
      return -1;
    }
    int at = reservedBytes;
    reservedBytes += unitCount * unitBytes;
    writerCount++;
    note(depositor, unit, at, at + Math.min(dataBytes, unitCount * unitBytes));
    return at;
  }

  int roomUnits(int unitBytes) {
    return (lengthBytes - reservedBytes) / unitBytes;
  }

  private void note(Depositor depositor, long unit, int from, int to) {
    if (depositCount == depositors.length) {
      depositors = Arrays.copyOf(depositors, 2 * depositCount);
      units = Arrays.copyOf(units, 2 * depositCount);
      starts = Arrays.copyOf(starts, 2 * depositCount);
      ends = Arrays.copyOf(ends, 2 * depositCount);
    }
    depositors[depositCount] = depositor;
    units[depositCount] = unit;
    starts[depositCount] = from;
    ends[depositCount++] = to;
  }

  /**
   * Tells all whose data are in it that these are not stored; nothing else changes it now.
   *
   * @return what one of them threw, or null
   */
  Throwable notStored(ErrnoException cause) {
    Throwable thrown = null;
    for (int i = 0; i < depositCount; i++) {
      try {
        depositors[i].notStored(units[i], bytes.slice(starts[i], ends[i] - starts[i]), cause);
      } catch (RuntimeException | Error e) {
        thrown = e; // the others must hear of it all the same
      }
    }
    return thrown;
  }
}
