package io.sluice.itests.acceptance;

import static io.sluice.itests.acceptance.SelfDescribingSectors.SECTOR_BYTES;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A live device that is written with self-describing sectors, and what is known of its writes. Each
 * writer has sectors of its own, so that the last write of a sector is known.
 */
final class CheckedDevice {
  /** A write covers as many at most: two chunks of the kernel module and a bit. */
  private static final int WRITE_SECTORS_MAX = 1100;

  private final String name;
  private final BlockDevice live;
  private final int sectorCount;
  private final AtomicLong lastSequence = new AtomicLong();

  /** Of each sector, the last write that is complete. */
  private final AtomicLongArray completed;

  /** A device of {@code sectorCount} sectors, which is filled with writes of its own. */
  CheckedDevice(String name, BlockDevice live) throws ErrnoException {
    this.name = name;
    this.live = live;
    this.sectorCount = Math.toIntExact(live.geometry().sizeBytes() / SECTOR_BYTES);
    this.completed = new AtomicLongArray(sectorCount);
    for (int at = 0; at < sectorCount; at += CheckedImage.PIECE_SECTORS) {
      write(at, Math.min(CheckedImage.PIECE_SECTORS, sectorCount - at));
    }
  }

  String name() {
    return name;
  }

  int sectorCount() {
    return sectorCount;
  }

  long writeCount() {
    return lastSequence.get();
  }

  /** Writes sectors that nobody else writes meanwhile. */
  void write(int firstSector, int count) throws ErrnoException {
    long sequence = lastSequence.incrementAndGet();
    ByteBuffer data = SelfDescribingSectors.make(firstSector, count, sequence, System.nanoTime());
    live.submit(new Bio().write((long) firstSector * SECTOR_BYTES, data, 0));
    for (int i = 0; i < count; i++) {
      completed.set(firstSector + i, sequence);
    }
  }

  /** Writes at random in one of so many equal parts. */
  void writeSomewhere(Random random, int part, int partCount) throws ErrnoException {
    int partSectors = sectorCount / partCount;
    // Most writes are small, as those of file systems are.
    int countMax = random.nextInt(8) == 0 ? WRITE_SECTORS_MAX : 16;
    int count = 1 + random.nextInt(Math.min(countMax, partSectors));
    write(part * partSectors + random.nextInt(partSectors - count + 1), count);
  }

  /** What is known now, to be asked before a take: the oldest that its image may hold. */
  long[] completedNow() {
    long[] copy = new long[sectorCount];
    for (int i = 0; i < sectorCount; i++) {
      copy[i] = completed.get(i);
    }
    return copy;
  }

  /**
   * An image of this device, as of a take.
   *
   * @param completedBefore from before the take
   */
  CheckedImage imageAfterTake(BlockDevice image, long[] completedBefore) {
    return new CheckedImage(image, completedBefore, lastSequence.get(), System.nanoTime());
  }
}
