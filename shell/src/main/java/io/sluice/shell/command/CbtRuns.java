package io.sluice.shell.command;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * The held map of a device as runs of blocks with one number, those never written left out. Read in
 * windows while it is walked, for a map can have millions of blocks.
 */
final class CbtRuns implements Iterable<CbtRuns.Run> {
  private static final int WINDOW_BLOCKS = 32 * 1024;

  static final Table<Run> TABLE =
      new Table<Run>()
          .number("SECTOR", Run::firstSector)
          .number("COUNT", Run::sectorCount)
          .number("NUMBER", Run::changesNumber);

  private final ChangeTracking tracking;
  private final CbtInfo info;

  CbtRuns(ChangeTracking tracking, CbtInfo info) {
    this.tracking = tracking;
    this.info = info;
  }

  /**
   * Blocks that were last written in the same interval.
   *
   * @param firstSector where they start
   * @param sectorCount how many sectors, clipped at the device's end
   * @param changesNumber the interval's number, 1 to 255
   */
  record Run(long firstSector, long sectorCount, int changesNumber) {}

  @Override
  public Iterator<Run> iterator() {
    return new Walk();
  }

  private final class Walk implements Iterator<Run> {
    private final ByteBuffer window = ByteBuffer.allocate(WINDOW_BLOCKS);
    private long windowBlock;
    private long block;
    private Run next;

    Walk() {
      window.limit(0);
      next = find();
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public Run next() {
      if (next == null) {
        throw new NoSuchElementException();
      }
      Run found = next;
      next = find();
      return found;
    }

    private Run find() {
      int number = 0;
      while (block < info.blockCount() && (number = numberOf(block)) == 0) {
        block++;
      }
      long first = block;
      while (block < info.blockCount() && numberOf(block) == number) {
        block++;
      }
      return first == block ? null : run(first, block, number);
    }

    private Run run(long firstBlock, long endBlock, int number) {
      int unit = DeviceGeometry.SECTOR_SIZE_BYTES;
      long sectorsOfBlock = info.blockSizeBytes() / unit;
      long end = Math.min(endBlock * sectorsOfBlock, (info.capacityBytes() + unit - 1) / unit);
      long start = firstBlock * sectorsOfBlock;
      return new Run(start, end - start, number);
    }

    private int numberOf(long block) {
      if (block >= windowBlock + window.limit()) {
        fill(block);
      }
      return window.get((int) (block - windowBlock)) & 0xff;
    }

    private void fill(long block) {
      window.clear().limit((int) Math.min(WINDOW_BLOCKS, info.blockCount() - block));
      try {
        tracking.readMap(info.device(), block, window);
        CbtInfo now = tracking.info(info.device());
        if (!now.equals(info)) {
          throw new ErrnoException(
              Errno.EAGAIN,
              "map of " + info.device() + ": a snapshot was taken while it was read; read again");
        }
      } catch (ErrnoException e) {
        throw new UncheckedIOException(e);
      }
      window.flip();
      windowBlock = block;
    }
  }
}
