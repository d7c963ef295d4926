package io.sluice.simulator.run;

import io.sluice.block.ExtentVisitor;
import io.sluice.simulator.oracle.CellModel;
import java.util.Arrays;

/** Collects the answer to a block status query, and judges it. */
final class Extents implements ExtentVisitor {
  private long[] lengths = new long[16];
  private int[] states = new int[16];
  private int count;
  private boolean zeroSeen;

  @Override
  public boolean extent(long lengthBytes, int state) {
    if (count == lengths.length) {
      lengths = Arrays.copyOf(lengths, 2 * count);
      states = Arrays.copyOf(states, 2 * count);
    }
    lengths[count] = lengthBytes;
    states[count++] = state;
    zeroSeen |= (state & ZERO) != 0;
    return true;
  }

  boolean zeroSeen() {
    return zeroSeen;
  }

  /** What is wrong with the answer to a question about a range, or null. */
  String judge(CellModel model, CellModel.Reading reading, long offset, long length) {
    long end = Math.min(offset + length, (long) model.cellCount() * model.cellBytes());
    long at = offset;
    for (int i = 0; i < count; i++) {
      if (lengths[i] < 1 || at + lengths[i] > end) {
        return "extent " + i + " of " + lengths[i] + " bytes at " + at + ", range ends " + end;
      }
      if ((states[i] & ZERO) != 0) {
        for (long cell = at / model.cellBytes();
            cell * model.cellBytes() < at + lengths[i];
            cell++) {
          if (!model.mayBeZero(reading, (int) cell)) {
            return "cell " + cell + " is said to be zero, and is not";
          }
        }
      }
      at += lengths[i];
    }
    return count == 0 ? "no extent at all" : null;
  }
}
