package io.sluice.simulator.oracle;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * What a device's change map must and may report: a log of all that marked it, replayed at each
 * check.
 *
 * <p>Numbers here are those of the engine; the log says in which interval a change fell. A block
 * must be reported with a number at least that of its last certain change, and may be reported with
 * at most that of its last possible one.
 */
public final class TrackingOracle {
  /** The largest number of a generation. */
  public static final int NUMBER_MAX = 255;

  private final String device;
  private final Set<UUID> pastGenerations = new HashSet<>();
  private final List<Mark> marks = new ArrayList<>();
  private UUID generation;
  private int heldNumber;
  // Neither generation nor number nor marks are known.
  private boolean vague;
  private int positions;
  // The device's length as the maps have it: when the filter came, or at the last take.
  private long trackedBytes;

  private static final class Mark {
    final long startBytes;
    final long endBytes;
    int number;
    boolean certain;

    Mark(long startBytes, long endBytes, int number, boolean certain) {
      this.startBytes = startBytes;
      this.endBytes = endBytes;
      this.number = number;
      this.certain = certain;
    }
  }

  /** Something that marks blocks and is in flight. */
  public final class Change {
    private final long startBytes;
    private final long endBytes;
    private final boolean both;
    private final int position = positions;
    // An image's writer or a user's order is held off by no gate, and may fall into a take.
    private final boolean inCut = cutPending;
    private final List<Mark> possible = new ArrayList<>(2);

    private Change(long startBytes, long endBytes, boolean both) {
      this.startBytes = startBytes;
      this.endBytes = endBytes;
      this.both = both;
      add(heldNumber + 1);
      if (both) {
        add(heldNumber);
      }
    }

    private void add(int number) {
      Mark mark = new Mark(startBytes, endBytes, number, false);
      possible.add(mark);
      marks.add(mark);
    }

    /**
     * It is over.
     *
     * @param changed whether the blocks must be reported, or only may be
     */
    public void end(boolean changed) {
      allMapsOpen -= both ? 1 : 0;
      if (position != positions || (both && inCut)) {
        // A take or a new filter fell between: either interval may have got it.
        if (both) {
          add(heldNumber);
          add(heldNumber + 1);
        }
        return;
      }
      for (Mark mark : possible) {
        mark.certain |= changed;
      }
    }
  }

  /** For a device that is not tracked yet. */
  public TrackingOracle(String device) {
    this.device = device;
  }

  /** Counts takes and filters that came or went; a check is void if it moved. */
  public int position() {
    return positions;
  }

  /** The number of the last take, as the engine told it; 0 before the first. */
  public int heldNumber() {
    return heldNumber;
  }

  /** The generation, or null while the device is not tracked. */
  public UUID generation() {
    return generation;
  }

  /**
   * The device's length as the held map has it; what it has grown by since is unknown to tracking.
   */
  public long trackedBytes() {
    return trackedBytes;
  }

  /** The filter that has come tracks so many bytes. */
  public void tracks(long sizeBytes) {
    trackedBytes = sizeBytes;
  }

  /** A filter came or went: what follows is another generation, or none. */
  public void filterChanged() {
    if (generation != null) {
      pastGenerations.add(generation);
    }
    generation = null;
    heldNumber = 0;
    vague = false;
    cutPending = false;
    positions++;
    marks.clear();
  }

  /** What is known while nobody tracks the device, and holds until it is written. */
  public static final class Kept {
    private final UUID generation;
    private final int heldNumber;
    private final boolean vague;
    private final long trackedBytes;
    private final List<Mark> marks;

    private Kept(
        UUID generation, int heldNumber, boolean vague, long trackedBytes, List<Mark> marks) {
      this.generation = generation;
      this.heldNumber = heldNumber;
      this.vague = vague;
      this.trackedBytes = trackedBytes;
      this.marks = marks;
    }

    /** Whether there was a take. */
    public boolean hasTakes() {
      return heldNumber > 0;
    }

    /** Whether it may be of a device of this length; after a take that nobody knows of, it may. */
    public boolean fits(long sizeBytes) {
      return vague || sizeBytes == trackedBytes;
    }
  }

  /** The filter left in order. What is tracked after that is another matter, unless it goes on. */
  public Kept left() {
    // If it leaves in the middle of a take, nobody has told what that was numbered.
    Kept kept =
        new Kept(generation, heldNumber, vague || cutPending, trackedBytes, new ArrayList<>(marks));
    generation = null;
    filterChanged();
    return kept;
  }

  /** What was kept can't be had, or is void: it must not come back. */
  public void voided(Kept kept) {
    if (kept.generation != null) {
      pastGenerations.add(kept.generation);
    }
  }

  /** The filter came, and goes on where it stopped. */
  public void wentOn(Kept kept) {
    filterChanged();
    generation = kept.generation;
    heldNumber = kept.heldNumber;
    vague = kept.vague;
    marks.addAll(kept.marks);
  }

  /** The engine tells a position that was not known. */
  private void adopt(UUID seenGeneration, int seenNumber) {
    vague = false;
    generation = seenGeneration;
    heldNumber = seenNumber;
    marks.clear();
    marks.add(new Mark(0, Long.MAX_VALUE, seenNumber, false));
    marks.add(new Mark(0, Long.MAX_VALUE, seenNumber + 1, false));
  }

  /**
   * The cut of a take has fallen; {@link #taken} will say how it is numbered.
   *
   * @param sizeBytes the device's length
   */
  public void cut(long sizeBytes) {
    cutBytes = sizeBytes;
    positions++;
    cutPending = true;
    numberAtCut = heldNumber;
    heldNumber++;
  }

  private long allMapsBegun;
  private long allMapsOpen;
  private boolean cutPending;
  private int numberAtCut;
  private long cutBytes;

  /** Whether a cut has fallen that the engine has not told the number of. */
  public boolean isCutPending() {
    return cutPending;
  }

  /** The take came to nothing: the interval goes on as if there had been no cut. */
  public void cutUndone() {
    if (!cutPending) {
      return; // the filter left meanwhile, and all is new
    }
    cutPending = false;
    positions++;
    heldNumber = numberAtCut;
    for (Mark mark : marks) {
      mark.number = Math.min(mark.number, numberAtCut + 1);
    }
  }

  /**
   * What the engine says of the position after the cut.
   *
   * @return what is wrong, or null
   */
  public String taken(UUID newGeneration, int number) {
    cutPending = false;
    boolean grown = cutBytes != trackedBytes;
    trackedBytes = cutBytes;
    if (vague) {
      adopt(newGeneration, number);
      return null;
    }
    if (grown) {
      return begun(newGeneration, number);
    }
    if (generation == null) {
      generation = newGeneration;
    }
    if (newGeneration.equals(generation)) {
      if (number != numberAtCut + 1 || number > NUMBER_MAX) {
        return device + ": take " + (numberAtCut + 1) + " of its generation has number " + number;
      }
      return null;
    }
    if (numberAtCut < NUMBER_MAX - 1) {
      return device + ": a new generation after number " + numberAtCut + ", and nothing was missed";
    }
    return ended(newGeneration, number);
  }

  /** The device has grown, and what was written beyond its old end is in no map. */
  private String begun(UUID newGeneration, int number) {
    if (number != 1 || newGeneration.equals(generation)) {
      return device
          + ": the first take with "
          + trackedBytes
          + " bytes is "
          + newGeneration
          + ":"
          + number
          + ", not the first of a generation of its own; last known "
          + generation
          + ":"
          + numberAtCut;
    }
    return ended(newGeneration, number);
  }

  /** The generation has ended, and another has begun. */
  private String ended(UUID newGeneration, int number) {
    if (generation != null) {
      pastGenerations.add(generation);
    }
    if (pastGenerations.contains(newGeneration)) {
      return device + ": generation " + newGeneration + " came back";
    }
    generation = newGeneration;
    heldNumber = number;
    rebase(number);
    return null;
  }

  /** What was in the interval that began the generation is reported or not: nobody has a base. */
  private void rebase(int number) {
    List<Mark> old = new ArrayList<>(marks);
    marks.clear();
    for (Mark mark : old) {
      // Marks after the cut were logged under the number that the old generation would have had.
      boolean late = mark.number > numberAtCut + 1;
      marks.add(
          new Mark(
              mark.startBytes, mark.endBytes, late ? number + 1 : number, late && mark.certain));
    }
    marks.add(new Mark(0, Long.MAX_VALUE, number, false));
  }

  /**
   * What the engine says of the position, at any time without a take or filter change in between.
   *
   * @return what is wrong, or null
   */
  public String position(UUID seenGeneration, int seenNumber) {
    if (vague) {
      adopt(seenGeneration, seenNumber);
    }
    if (generation == null) {
      generation = seenGeneration;
      if (pastGenerations.contains(seenGeneration)) {
        return device + ": tracking began anew under the old generation " + seenGeneration;
      }
    }
    if (!seenGeneration.equals(generation) || seenNumber != heldNumber) {
      return device
          + ": at "
          + seenGeneration
          + ":"
          + seenNumber
          + " without a take, last known "
          + generation
          + ":"
          + heldNumber;
    }
    return null;
  }

  /** A bio on the live device is past the gate. */
  public Change begin(long offsetBytes, long lengthBytes) {
    return new Change(offsetBytes, offsetBytes + lengthBytes, false);
  }

  /** Something that marks the held map as well: a write to an image, or an order of the user. */
  public Change beginBoth(long offsetBytes, long lengthBytes) {
    allMapsBegun++;
    allMapsOpen++;
    return new Change(offsetBytes, offsetBytes + lengthBytes, true);
  }

  /** How many marks of {@link #beginBoth} were ever begun. */
  public long marksOfAllMapsBegun() {
    return allMapsBegun;
  }

  /** How many of them have not ended. */
  public long marksOfAllMapsOpen() {
    return allMapsOpen;
  }

  /** How many marks are in the log now. */
  public int markCount() {
    return marks.size();
  }

  /** The certain part of the log, as it is now: the floor of a check that starts now. */
  public byte[] floor(int blockBytes, int blockCount) {
    return replay(blockBytes, blockCount, true);
  }

  /** The possible part of the log, as it is now: the ceiling of a check that ends now. */
  public byte[] ceiling(int blockBytes, int blockCount) {
    return replay(blockBytes, blockCount, false);
  }

  private byte[] replay(int blockBytes, int blockCount, boolean certain) {
    byte[] numbers = new byte[blockCount];
    for (Mark mark : marks) {
      if (mark.number > heldNumber || (certain && !mark.certain)) {
        continue;
      }
      long end = Math.min(mark.endBytes, (long) blockBytes * blockCount);
      for (long block = mark.startBytes / blockBytes; block * blockBytes < end; block++) {
        int at = (int) block;
        numbers[at] = (byte) Math.max(numbers[at] & 0xff, mark.number);
      }
    }
    return numbers;
  }

  /**
   * Judges a held map.
   *
   * @return what is wrong, or null
   */
  public String judge(byte[] map, byte[] floor, byte[] ceiling) {
    for (int block = 0; block < map.length; block++) {
      int number = map[block] & 0xff;
      if (number < (floor[block] & 0xff)) {
        return device
            + ": tracking block "
            + block
            + " says "
            + number
            + ", but it changed in interval "
            + (floor[block] & 0xff);
      }
      if (number > (ceiling[block] & 0xff)) {
        return device
            + ": tracking block "
            + block
            + " says "
            + number
            + ", but it can't have changed after interval "
            + (ceiling[block] & 0xff);
      }
    }
    return null;
  }
}
