package io.sluice.shell.command;

import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangedRegion;
import io.sluice.snapshot.SectorRange;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** An explanation of changes for people: what there is, then tables of where and of block sizes. */
record ChangeSheet(ChangeReport report) implements Answer.Layout {
  private static final int SECTOR_SIZE_BYTES = 512;

  private static final Table<ChangedRegion> REGIONS =
      new Table<ChangedRegion>()
          .number("SECTOR", ChangedRegion::firstSector)
          .number("COUNT", ChangedRegion::sectorCount)
          .number("SIZE", r -> ByteSize.human(r.sectorCount() * SECTOR_SIZE_BYTES))
          .number("CHANGED", r -> ByteSize.human(r.changedBytes()))
          .number("SHARE", r -> percent(r.changedBytes(), r.sectorCount() * SECTOR_SIZE_BYTES));

  private static final Table<SectorRange> RUNS =
      new Table<SectorRange>()
          .number("SECTOR", SectorRange::firstSector)
          .number("COUNT", SectorRange::sectorCount)
          .number("SIZE", r -> ByteSize.human(r.sectorCount() * SECTOR_SIZE_BYTES));

  @Override
  public void print(PrintWriter out) {
    long capacityBytes = report.tracking().capacityBytes();
    new Sheet()
        .line("device", report.tracking().device())
        .line("generation", report.tracking().generationId())
        .line("numbers", "after " + report.sinceNumber() + " to " + number())
        .line("changed", share(report.changedBytes(), capacityBytes) + " of the device")
        .line("in runs", report.runCount())
        .line(
            "zeroes",
            share(report.zeroBytes(), report.changedBytes())
                + " of that, by the block status of "
                + report.zeroSource())
        .print(out);
    if (report.runCount() > 0) {
      table("Most changed regions:", REGIONS, report.regions(), out);
      table("Longest runs:", RUNS, report.runs(), out);
    }
    table("Tracking blocks of other sizes:", sizes(report.sizes().get(0)), report.sizes(), out);
    printRecent(out);
  }

  private int number() {
    return report.tracking().changesNumber();
  }

  private void printRecent(PrintWriter out) {
    if (report.recentUnknown().isEmpty()) {
      List<BlockSizeEffect> sizes = report.recentSizes();
      Table<BlockSizeEffect> table = sizes(sizes.get(sizes.size() - 1));
      String heading = "Finer ones, for what was written since " + report.recentImage() + ":";
      table(heading, table, sizes, out);
    } else {
      out.println();
      out.println("Finer ones: not known, for " + report.recentUnknown());
    }
  }

  private static <T> void table(String heading, Table<T> table, List<T> rows, PrintWriter out) {
    out.println();
    out.println(heading);
    table.print(rows, out);
  }

  /**
   * @param present what the tracking block of now makes
   */
  private static Table<BlockSizeEffect> sizes(BlockSizeEffect present) {
    return new Table<BlockSizeEffect>()
        .number("BLOCK", e -> ByteSize.human(e.blockSizeBytes()))
        .number("BLOCKS", BlockSizeEffect::changedBlockCount)
        .number("CHANGED", e -> ByteSize.human(e.changedBytes()))
        .number("OF-NOW", e -> percent(e.changedBytes(), present.changedBytes()));
  }

  private static String share(long bytes, long ofBytes) {
    return ByteSize.exact(bytes) + ", " + percent(bytes, ofBytes);
  }

  private static String percent(long part, long whole) {
    return whole == 0 ? "-" : String.format(Locale.ROOT, "%.1f%%", 100.0 * part / whole);
  }
}
