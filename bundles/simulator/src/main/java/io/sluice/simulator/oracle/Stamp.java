package io.sluice.simulator.oracle;

import java.util.Arrays;

/**
 * What the simulator writes: each 16 bytes say which write they are of, on what, for which cell, at
 * which place in it, and carry a checksum. So bytes that are wrong say how: misplaced, stale,
 * future or torn.
 */
public final class Stamp {
  /** The unit; a cell is a multiple of it. */
  public static final int PIECE_BYTES = 16;

  private Stamp() {}

  /**
   * Fills a cell.
   *
   * @param sequence the write's number in the run
   * @param owner the device, or 100 and more for images
   */
  public static void fill(byte[] target, int at, int cellBytes, int sequence, int owner, int cell) {
    for (int piece = 0; piece < cellBytes / PIECE_BYTES; piece++) {
      int base = at + piece * PIECE_BYTES;
      int place = (owner << 16) | cell;
      put(target, base, sequence);
      put(target, base + 4, place);
      put(target, base + 8, piece);
      put(target, base + 12, checksum(sequence, place, piece));
    }
  }

  private static int checksum(int sequence, int place, int piece) {
    int hash = sequence * 0x9E3779B1 ^ place * 0x85EBCA77 ^ piece * 0xC2B2AE3D;
    return (hash ^ (hash >>> 15)) | 1;
  }

  private static void put(byte[] target, int at, int value) {
    target[at] = (byte) (value >>> 24);
    target[at + 1] = (byte) (value >>> 16);
    target[at + 2] = (byte) (value >>> 8);
    target[at + 3] = (byte) value;
  }

  private static int get(byte[] source, int at) {
    return (source[at] << 24)
        | ((source[at + 1] & 0xff) << 16)
        | ((source[at + 2] & 0xff) << 8)
        | (source[at + 3] & 0xff);
  }

  /** The number of the write that stored a cell, or 0 if it is no stamp. */
  public static int sequence(byte[] source, int at) {
    int sequence = get(source, at);
    boolean good =
        get(source, at + 12) == checksum(sequence, get(source, at + 4), get(source, at + 8));
    return good ? sequence : 0;
  }

  /** What a cell holds, in words. */
  public static String describe(byte[] source, int at, int cellBytes) {
    String first = describePiece(source, at);
    for (int piece = 1; piece < cellBytes / PIECE_BYTES; piece++) {
      String next = describePiece(source, at + piece * PIECE_BYTES);
      if (!next.equals(first)) {
        return "torn: " + first + ", then from byte " + piece * PIECE_BYTES + " " + next;
      }
    }
    return first;
  }

  private static String describePiece(byte[] source, int at) {
    byte[] piece = Arrays.copyOfRange(source, at, at + PIECE_BYTES);
    boolean same = true;
    for (byte b : piece) {
      same &= b == piece[0];
    }
    if (same) {
      return piece[0] == 0 ? "zeroes" : String.format("bytes %02X", piece[0]);
    }
    if (sequence(source, at) == 0) {
      return "garbage " + Arrays.toString(piece);
    }
    int place = get(source, at + 4);
    int owner = place >>> 16;
    return "write #"
        + sequence(source, at)
        + " of "
        + (owner >= 100 ? "image " + (owner - 100) : "disk-" + owner)
        + " for cell "
        + (place & 0xffff);
  }
}
