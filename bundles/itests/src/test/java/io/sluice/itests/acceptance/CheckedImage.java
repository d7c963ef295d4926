package io.sluice.itests.acceptance;

import static io.sluice.itests.acceptance.SelfDescribingSectors.SECTOR_BYTES;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.itests.acceptance.SelfDescribingSectors.Bounds;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** An image of a {@link CheckedDevice}, and what each of its sectors may hold. */
final class CheckedImage {
  static final int PIECE_SECTORS = 2048;

  private final BlockDevice image;
  private final int sectorCount;
  private final long[] sequenceMin;
  private final long sequenceMax;
  private final long timeNanosMax;

  /**
   * As of a take.
   *
   * @param sequenceMin of each sector, the write that was complete before the take
   * @param sequenceMax the last write that had begun after the take
   * @param timeNanosMax when that was
   */
  CheckedImage(BlockDevice image, long[] sequenceMin, long sequenceMax, long timeNanosMax) {
    this.image = image;
    this.sectorCount = sequenceMin.length;
    this.sequenceMin = sequenceMin;
    this.sequenceMax = sequenceMax;
    this.timeNanosMax = timeNanosMax;
  }

  int sectorCount() {
    return sectorCount;
  }

  /** What is wrong with all of it. */
  List<String> check() throws ErrnoException {
    List<String> wrong = new ArrayList<>();
    for (int at = 0; at < sectorCount; at += PIECE_SECTORS) {
      wrong.addAll(check(at, Math.min(PIECE_SECTORS, sectorCount - at)));
    }
    return wrong;
  }

  /** What is wrong with some sectors. */
  List<String> check(int firstSector, int count) throws ErrnoException {
    ByteBuffer data =
        SectorPattern.read(image, (long) firstSector * SECTOR_BYTES, count * SECTOR_BYTES);
    return SelfDescribingSectors.check(
        data,
        firstSector,
        sector -> new Bounds(sequenceMin[(int) sector], sequenceMax, timeNanosMax));
  }

  /** Some sectors at random. */
  List<String> checkSomewhere(Random random) throws ErrnoException {
    int count = 1 + random.nextInt(PIECE_SECTORS);
    return check(random.nextInt(sectorCount - count + 1), count);
  }

  /** Writes into the image what a write after the take would be. */
  void spoil(int sector) throws ErrnoException {
    ByteBuffer data = SelfDescribingSectors.make(sector, 1, sequenceMax + 1, System.nanoTime());
    image.submit(new Bio().write((long) sector * SECTOR_BYTES, data, 0));
  }
}
