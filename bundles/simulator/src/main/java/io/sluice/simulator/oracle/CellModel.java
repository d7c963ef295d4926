package io.sluice.simulator.oracle;

import java.util.Arrays;
import java.util.BitSet;

/**
 * What a device may read, cell by cell: the bytes of the last write, or of any write that ran
 * beside it. A write that is in flight, or has failed, may have taken effect or not. That is all
 * there is to it, and no map of chunks.
 */
public final class CellModel {
  private final int cellBytes;
  private Node[] now;
  private Node[] dropped;
  private final BitSet hasDropped = new BitSet();
  private final byte[] got;
  private long tick = 1;
  private int readers;

  /** One write, or the initial contents. */
  public static final class Update {
    private final int firstCell;
    private final int cellCount;
    private final byte[] payload;
    private final String label;
    private long start;
    private long end = Long.MAX_VALUE;

    private Update(int firstCell, int cellCount, byte[] payload, String label) {
      this.firstCell = firstCell;
      this.cellCount = cellCount;
      this.payload = payload;
      this.label = label;
    }
  }

  private static final class Node {
    final Update update;
    final Node next;
    final long droppedAt;

    Node(Update update, Node next, long droppedAt) {
      this.update = update;
      this.next = next;
      this.droppedAt = droppedAt;
    }
  }

  /** A read in flight: what was allowed at any moment since its start, it may return. */
  public static final class Reading {
    private final long start;

    private Reading(long start) {
      this.start = start;
    }
  }

  /** Starts with these bytes, which are kept and not changed. */
  public CellModel(int cellBytes, byte[] initial) {
    this.cellBytes = cellBytes;
    this.got = new byte[cellBytes];
    int cells = initial.length / cellBytes;
    now = new Node[0];
    dropped = new Node[0];
    append(cells, initial, "the initial contents");
  }

  private void append(int cells, byte[] contents, String label) {
    int first = now.length;
    Update update = new Update(first, cells, contents, label);
    update.end = 0;
    now = Arrays.copyOf(now, first + cells);
    dropped = Arrays.copyOf(dropped, first + cells);
    Arrays.fill(now, first, first + cells, new Node(update, null, 0));
  }

  /** There are so many cells from now on; the new ones hold zeroes. */
  public void grow(int cellCount) {
    int more = cellCount - now.length;
    append(more, new byte[more * cellBytes], "the growth");
  }

  /** How many cells. */
  public int cellCount() {
    return now.length;
  }

  /** The size of a cell. */
  public int cellBytes() {
    return cellBytes;
  }

  /**
   * A write begins.
   *
   * @param payload what it stores, kept and not to be changed
   */
  public Update begin(int firstCell, int cellCount, byte[] payload, String label) {
    Update update = new Update(firstCell, cellCount, payload, label);
    update.start = tick++;
    for (int cell = firstCell; cell < firstCell + cellCount; cell++) {
      now[cell] = new Node(update, now[cell], 0);
    }
    return update;
  }

  /**
   * A write ends.
   *
   * @param certain whether it took effect; else it may have, in each cell for itself
   */
  public void end(Update update, boolean certain) {
    update.end = tick++;
    if (!certain) {
      return;
    }
    for (int cell = update.firstCell; cell < update.firstCell + update.cellCount; cell++) {
      Node kept = null;
      for (Node node = now[cell]; node != null; node = node.next) {
        if (node.update == update || node.update.end > update.start) {
          kept = new Node(node.update, kept, 0);
        } else if (readers > 0) {
          dropped[cell] = new Node(node.update, dropped[cell], update.end);
          hasDropped.set(cell);
        }
      }
      now[cell] = kept;
    }
  }

  /** A read begins. */
  public Reading beginRead() {
    readers++;
    return new Reading(tick++);
  }

  /** A read ends; its bytes have been checked. */
  public void endRead() {
    if (--readers == 0) {
      for (int cell = hasDropped.nextSetBit(0); cell >= 0; cell = hasDropped.nextSetBit(cell + 1)) {
        dropped[cell] = null;
      }
      hasDropped.clear();
    }
  }

  /**
   * Judges a cell's bytes.
   *
   * @param reading the read that returned them, or null for what is allowed right now
   * @return what is wrong, or null
   */
  public String judge(Reading reading, int cell, byte[] source, int at) {
    for (Node node = now[cell]; node != null; node = node.next) {
      if (matches(node.update, cell, source, at)) {
        return null;
      }
    }
    for (Node node = dropped[cell]; node != null; node = node.next) {
      if (reading != null
          && node.droppedAt > reading.start
          && matches(node.update, cell, source, at)) {
        return null;
      }
    }
    return "cell "
        + cell
        + " reads "
        + Stamp.describe(source, at, cellBytes)
        + "; allowed "
        + allowed(cell);
  }

  private boolean matches(Update update, int cell, byte[] source, int at) {
    int from = (cell - update.firstCell) * cellBytes;
    return Arrays.equals(update.payload, from, from + cellBytes, source, at, at + cellBytes);
  }

  /** Whether a cell may read zeroes, now or at any moment of the reading. */
  public boolean mayBeZero(Reading reading, int cell) {
    Arrays.fill(got, (byte) 0);
    return judge(reading, cell, got, 0) == null;
  }

  private String allowed(int cell) {
    StringBuilder text = new StringBuilder();
    for (Node node = now[cell]; node != null; node = node.next) {
      text.append(text.length() == 0 ? "" : ", or ")
          .append(
              Stamp.describe(
                  node.update.payload, (cell - node.update.firstCell) * cellBytes, cellBytes))
          .append(" (")
          .append(node.update.label)
          .append(')');
    }
    return text.toString();
  }
}
