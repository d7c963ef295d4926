package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.StoreInfo;
import java.io.PrintWriter;
import java.util.stream.Collectors;

/** A snapshot for people: its properties, then a table of its devices. */
final class SnapshotSheet implements Answer.Layout {
  static final Table<SnapshotInfo> TABLE =
      new Table<SnapshotInfo>()
          .text("ID", SnapshotInfo::id)
          .text("NAME", SnapshotInfo::name)
          .text("STATE", s -> Words.lower(s.state()))
          .text("TAKEN", SnapshotInfo::takenAt)
          .number("STORE", s -> ByteSize.human(s.store().filledBytes()))
          .number("LIMIT", s -> ByteSize.human(s.store().limitBytes()))
          .text("DEVICES", SnapshotSheet::deviceNames);

  private static final Table<SnapshotDeviceInfo> DEVICES =
      new Table<SnapshotDeviceInfo>()
          .text("DEVICE", SnapshotDeviceInfo::device)
          .text("IMAGE", SnapshotDeviceInfo::image)
          .text("STATE", d -> d.errorCode() == 0 ? "ok" : errno(-d.errorCode()))
          .number("CHUNK", d -> ByteSize.human(d.chunkSizeBytes()))
          .number("SAVED", SnapshotDeviceInfo::chunksSaved)
          .number("ZERO", SnapshotDeviceInfo::chunksZero)
          .number("COPIED", d -> ByteSize.human(d.bytesCopied()))
          .number("NUMBER", SnapshotDeviceInfo::changesNumber)
          .text("GENERATION", SnapshotDeviceInfo::generationId);

  private static final Table<StoreInfo> STORES =
      new Table<StoreInfo>()
          .number("FILLED", s -> ByteSize.human(s.filledBytes()))
          .number("CAPACITY", s -> ByteSize.human(s.capacityBytes()))
          .number("LIMIT", s -> ByteSize.human(s.limitBytes()))
          .number("FULL", StoreFill::percent)
          .text("STORE", StoreInfo::description);

  private final SnapshotInfo info;

  SnapshotSheet(SnapshotInfo info) {
    this.info = info;
  }

  @Override
  public void print(PrintWriter out) {
    StoreInfo store = info.store();
    Sheet sheet =
        new Sheet()
            .line("id", info.id())
            .line("name", info.name())
            .line("state", Words.lower(info.state()))
            .line("taken", info.takenAt())
            .line("held for", info.takenAt() == null ? null : info.holdNanos() / 1000 + " us");
    if (!info.freezes().isEmpty()) {
      sheet.line(
          "frozen",
          info.freezes().stream().map(SnapshotSheet::frozen).collect(Collectors.joining("; ")));
    }
    sheet
        .line("store", store.description())
        .line("store capacity", ByteSize.exact(store.capacityBytes()))
        .line("store filled", ByteSize.exact(store.filledBytes()))
        .line("store limit", ByteSize.exact(store.limitBytes()))
        .line("store full", StoreFill.percent(store))
        .line("store fills at", StoreFill.rate(info.fillBytesPerSecond()))
        .line("store full in", info.timeToFull().map(Words::duration).orElse(null))
        .print(out);
    if (info.stores().size() > 1) {
      out.println();
      STORES.print(info.stores(), out);
    }
    if (!info.devices().isEmpty()) {
      out.println();
      DEVICES.print(info.devices(), out);
    }
  }

  private static String frozen(FreezeInfo freeze) {
    return freeze.warning().isEmpty()
        ? freeze.mountPoint() + " for " + freeze.frozenNanos() / 1_000_000 + " ms"
        : freeze.warning();
  }

  private static String deviceNames(SnapshotInfo snapshot) {
    return snapshot.devices().stream()
        .map(SnapshotDeviceInfo::device)
        .collect(Collectors.joining(","));
  }

  /** An errno as its name, where it has one. */
  static String errno(int number) {
    Errno errno = Errno.ofNumber(number);
    return errno.number() == number ? errno.name() : "errno " + number;
  }

  /** An event for people. */
  record EventSheet(SnapshotEvent event) implements Answer.Layout {
    @Override
    public void print(PrintWriter out) {
      Sheet sheet =
          new Sheet()
              .line("snapshot", event.snapshot())
              .line("time", event.at())
              .line("event", Words.lower(event.code()).replace('-', '_'))
              .line("device", event.device());
      if (event.code() == SnapshotEvent.Code.CORRUPTED) {
        sheet.line("error", errno(event.errno()));
      } else {
        sheet.line("requested", ByteSize.exact(event.requestedSectors() * 512));
      }
      sheet.print(out);
    }
  }
}
