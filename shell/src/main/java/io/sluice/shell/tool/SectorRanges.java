package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SectorRange;

/** Ranges of sectors as users write them, {@code SECTOR:COUNT}. */
public final class SectorRanges {
  private SectorRanges() {}

  /**
   * @throws ErrnoException EINVAL for anything but two decimal numbers, 0 or more, within 63 bits
   */
  public static SectorRange parse(String text) throws ErrnoException {
    int colon = text.indexOf(':');
    try {
      if (colon > 0) {
        long sector = Long.parseLong(text.substring(0, colon));
        long count = Long.parseLong(text.substring(colon + 1));
        if (sector >= 0 && count >= 0) {
          Math.addExact(sector, count);
          return new SectorRange(sector, count);
        }
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // Told below, like the other ways to be wrong.
    }
    throw new ErrnoException(
        Errno.EINVAL, "range \"" + text + "\": give SECTOR:COUNT in sectors of 512 bytes");
  }
}
