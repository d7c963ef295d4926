package io.sluice.blksnap.tracking;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.UUID;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.CheckedOutputStream;

/**
 * Everything a {@link ChangeTracker} knows, at rest: what goes on where it stopped after a restart.
 *
 * <p>As bytes it is big-endian: the magic number, a version, the fields in their order, the two
 * maps, and a CRC-32C of all that.
 *
 * @param capacityBytes the device's length
 * @param blockShift a tracking block's size, as a power of two
 * @param activeNumber what writes were marked with, 1 to 255
 * @param heldNumber the last take's number, 0 to 255
 * @param activeGeneration the generation of {@code active}
 * @param heldGeneration the generation of {@code held}
 * @param active the map that writes went to; handed over, not copied
 * @param held the map of the last take; handed over, not copied
 */
@SuppressWarnings("ArrayRecordComponent") // two megabytes each: handed on, never compared
public record TrackerState(
    long capacityBytes,
    int blockShift,
    int activeNumber,
    int heldNumber,
    UUID activeGeneration,
    UUID heldGeneration,
    byte[] active,
    byte[] held) {
  private static final long MAGIC = 0x534c554943454354L; // "SLUICECT"
  private static final int VERSION = 1;

  /** Writes it, and leaves {@code out} open. */
  public void write(OutputStream out) throws IOException {
    CRC32C crc = new CRC32C();
    DataOutputStream data = new DataOutputStream(new CheckedOutputStream(out, crc));
    data.writeLong(MAGIC);
    data.writeInt(VERSION);
    data.writeLong(capacityBytes);
    data.writeInt(blockShift);
    data.writeInt(activeNumber);
    data.writeInt(heldNumber);
    write(data, activeGeneration);
    write(data, heldGeneration);
    data.writeInt(active.length);
    data.write(active);
    data.write(held);
    data.writeLong(crc.getValue());
    data.flush();
  }

  private static void write(DataOutputStream data, UUID id) throws IOException {
    data.writeLong(id.getMostSignificantBits());
    data.writeLong(id.getLeastSignificantBits());
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @param blockCount what the maps must have; no other size is allocated
   * @throws IOException if it is cut short, damaged, of another version or for another size
   */
  public static TrackerState read(InputStream in, int blockCount) throws IOException {
    CRC32C crc = new CRC32C();
    DataInputStream data = new DataInputStream(new CheckedInputStream(in, crc));
    if (data.readLong() != MAGIC) {
      throw new IOException("no change map: the magic number is missing");
    }
    int version = data.readInt();
    if (version != VERSION) {
      throw new IOException("change map of version " + version + ", not " + VERSION);
    }
    long capacityBytes = data.readLong();
    int blockShift = data.readInt();
    int activeNumber = data.readInt();
    int heldNumber = data.readInt();
    UUID activeGeneration = readId(data);
    UUID heldGeneration = readId(data);
    int count = data.readInt();
    if (count != blockCount) {
      throw new IOException("change map of " + count + " blocks, the device has " + blockCount);
    }
    byte[] active = data.readNBytes(count);
    byte[] held = data.readNBytes(count);
    long expected = crc.getValue();
    if (held.length != count || data.readLong() != expected) {
      throw new IOException("change map is damaged: its checksum differs");
    }
    return new TrackerState(
        capacityBytes,
        blockShift,
        activeNumber,
        heldNumber,
        activeGeneration,
        heldGeneration,
        active,
        held);
  }

  private static UUID readId(DataInputStream data) throws IOException {
    return new UUID(data.readLong(), data.readLong());
  }
}
