package io.sluice.shell.command;

import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.StoreInfo;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;

/**
 * How full the stores of a snapshot are.
 *
 * @param snapshot its id
 * @param name its name, or empty
 * @param stores in the order they are filled
 * @param fillBytesPerSecond how fast, over the last minute
 * @param secondsToFull when they overflow at that rate; null if they do not fill
 */
record StoreFill(
    UUID snapshot,
    String name,
    List<StoreInfo> stores,
    long fillBytesPerSecond,
    Long secondsToFull) {
  static final Table<Row> TABLE =
      new Table<Row>()
          .text("SNAPSHOT", row -> row.fill.name.isEmpty() ? row.fill.snapshot : row.fill.name)
          .number("FILLED", row -> ByteSize.human(row.store.filledBytes()))
          .number("CAPACITY", row -> ByteSize.human(row.store.capacityBytes()))
          .number("LIMIT", row -> ByteSize.human(row.store.limitBytes()))
          .number("FULL", row -> percent(row.store))
          .number("RATE", row -> row.last ? rate(row.fill.fillBytesPerSecond) : "")
          .number("FULL-IN", row -> row.last ? timeToFull(row.fill.secondsToFull) : "")
          .text("STORE", row -> row.store.description());

  /** A line of the table. The rate is the snapshot's, and stands at its last store. */
  record Row(StoreFill fill, StoreInfo store, boolean last) {}

  static StoreFill of(SnapshotInfo info) {
    return new StoreFill(
        info.id(),
        info.name(),
        info.stores(),
        info.fillBytesPerSecond(),
        info.timeToFull().map(Duration::toSeconds).orElse(null));
  }

  static List<Row> rows(List<StoreFill> fills) {
    List<Row> rows = new ArrayList<>();
    for (StoreFill fill : fills) {
      int last = fill.stores.size() - 1;
      for (int i = 0; i <= last; i++) {
        rows.add(new Row(fill, fill.stores.get(i), i == last));
      }
    }
    return rows;
  }

  static String percent(StoreInfo store) {
    return store.limitBytes() <= 0
        ? "-"
        : String.format(Locale.ROOT, "%.1f%%", 100.0 * store.filledBytes() / store.limitBytes());
  }

  static String rate(long bytesPerSecond) {
    return ByteSize.human(bytesPerSecond) + "/s";
  }

  private static String timeToFull(Long seconds) {
    return seconds == null ? "" : Words.duration(Duration.ofSeconds(seconds));
  }
}
