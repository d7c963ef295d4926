package io.sluice.itests.acceptance;

import io.sluice.block.DeviceGeometry;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The sectors of blksnap's own test_corrupt: each has a head, a checksum, the sequence number and
 * the time of the write that made it, and its own sector number; the rest follows from these.
 */
final class SelfDescribingSectors {
  static final int SECTOR_BYTES = DeviceGeometry.SECTOR_SIZE_BYTES;

  private static final int HEAD = 0x736c7563;
  private static final int CHECKED_FROM = 8;

  private SelfDescribingSectors() {}

  /**
   * What a range of sectors may hold.
   *
   * @param sequenceMin the write that was known to be complete before the moment
   * @param sequenceMax the last write that may have begun before the moment
   * @param timeNanosMax the latest time of such a write
   */
  record Bounds(long sequenceMin, long sequenceMax, long timeNanosMax) {}

  /** Says what a sector may hold. */
  @FunctionalInterface
  interface BoundsOf {
    Bounds of(long sector);
  }

  /** Sectors as one write makes them, ready to be written. */
  static ByteBuffer make(long firstSector, int sectorCount, long sequence, long timeNanos) {
    ByteBuffer data = ByteBuffer.allocateDirect(sectorCount * SECTOR_BYTES);
    byte[] bytes = new byte[SECTOR_BYTES];
    ByteBuffer sector = ByteBuffer.wrap(bytes);
    for (int i = 0; i < sectorCount; i++) {
      sector.clear();
      sector.putInt(HEAD).putInt(0);
      sector.putLong(sequence).putLong(firstSector + i).putLong(timeNanos);
      long word = sequence * 0x9E3779B97F4A7C15L ^ firstSector + i;
      while (sector.hasRemaining()) {
        word = word * 6364136223846793005L + 1442695040888963407L;
        sector.putLong(word);
      }
      sector.putInt(Integer.BYTES, checksum(bytes));
      data.put(bytes);
    }
    return data.flip();
  }

  /** What is wrong with each sector of a range; empty if nothing is. */
  static List<String> check(ByteBuffer data, long firstSector, BoundsOf allowed) {
    List<String> wrong = new ArrayList<>();
    byte[] bytes = new byte[SECTOR_BYTES];
    for (long at = firstSector; data.hasRemaining(); at++) {
      data.get(bytes);
      String fault = fault(bytes, at, allowed.of(at));
      if (fault != null) {
        wrong.add("sector " + at + ": " + fault);
      }
    }
    return wrong;
  }

  private static String fault(byte[] bytes, long expectedSector, Bounds allowed) {
    ByteBuffer sector = ByteBuffer.wrap(bytes);
    int head = sector.getInt();
    int sum = sector.getInt();
    long sequence = sector.getLong();
    long number = sector.getLong();
    long timeNanos = sector.getLong();
    if (head != HEAD) {
      return "its head is " + Integer.toHexString(head);
    }
    if (sum != checksum(bytes)) {
      return "its checksum is wrong";
    }
    if (number != expectedSector) {
      return "it says that it is sector " + number;
    }
    if (sequence > allowed.sequenceMax || timeNanos - allowed.timeNanosMax > 0) {
      return "write " + sequence + " is newer than the snapshot, of " + allowed;
    }
    return sequence < allowed.sequenceMin
        ? "write " + sequence + " is older than the snapshot, of " + allowed
        : null;
  }

  private static int checksum(byte[] sector) {
    CRC32 crc = new CRC32();
    crc.update(sector, CHECKED_FROM, SECTOR_BYTES - CHECKED_FROM);
    return (int) crc.getValue();
  }
}
