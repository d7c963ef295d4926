package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Sectors that tell where they belong and which write made them: each long word mixes the sector's
 * number, the word's place and the pattern's own number.
 */
record SectorPattern(long number) {
  private static final int SECTOR_BYTES = DeviceGeometry.SECTOR_SIZE_BYTES;
  private static final int PIECE_BYTES = 1 << 20;
  private static final long MIX = 0x9E3779B97F4A7C15L;

  /** What {@link InProcessAgent#disk} fills an origin with. */
  static SectorPattern ofOrigin() {
    return new SectorPattern(1);
  }

  /** The bytes of a range, as a buffer ready to be written. */
  ByteBuffer bytes(long offsetBytes, int lengthBytes) {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    while (data.hasRemaining()) {
      long at = offsetBytes + data.position();
      long word = (at / Long.BYTES + 1) * MIX ^ number * 0xD1B54A32D192ED03L;
      word ^= word >>> 29;
      if (data.remaining() >= Long.BYTES) {
        data.putLong(word | 1);
      } else {
        data.put((byte) (word | 1));
      }
    }
    return data.flip();
  }

  /** Makes a file of this pattern. */
  void fillFile(Path path, long sizeBytes) throws IOException {
    try (FileChannel file =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long at = 0; at < sizeBytes; at += PIECE_BYTES) {
        ByteBuffer data = bytes(at, (int) Math.min(PIECE_BYTES, sizeBytes - at));
        while (data.hasRemaining()) {
          file.write(data);
        }
      }
    }
  }

  void write(BlockDevice device, long offsetBytes, int lengthBytes) throws ErrnoException {
    device.submit(new Bio().write(offsetBytes, bytes(offsetBytes, lengthBytes), 0));
  }

  /** The range is of this pattern; a failure names the first sector that is not. */
  void check(BlockDevice device, long offsetBytes, long lengthBytes, String what)
      throws ErrnoException {
    for (long at = 0; at < lengthBytes; at += PIECE_BYTES) {
      int pieceBytes = (int) Math.min(PIECE_BYTES, lengthBytes - at);
      ByteBuffer found = read(device, offsetBytes + at, pieceBytes);
      int different = found.mismatch(bytes(offsetBytes + at, pieceBytes));
      assertEquals(
          -1, different, what + ": sector " + (offsetBytes + at + different) / SECTOR_BYTES);
    }
  }

  static ByteBuffer read(BlockDevice device, long offsetBytes, int lengthBytes)
      throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    device.submit(new Bio().read(offsetBytes, data));
    return data.flip();
  }
}
