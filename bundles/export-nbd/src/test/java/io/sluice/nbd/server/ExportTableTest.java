package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.RemovalMode;
import io.sluice.nbd.MemoryDevice;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Names and what they lead to. */
class ExportTableTest {
  private final MemoryDevice disk = new MemoryDevice(4096);
  private final MemoryDevice image = new MemoryDevice(4096, 512, true);
  private final ExportTable table = new ExportTable();
  private final NbdExporter exporter =
      new NbdExporter(
          table,
          new ConfiguredExports(table, Access.usual()),
          Access.usual(),
          new NbdServer(table));

  private void addBoth() {
    assertTrue(table.deviceCame("disk", "", DeviceRole.LIVE, disk));
    assertTrue(table.deviceCame("disk@a", "", DeviceRole.IMAGE, image));
  }

  private interface Call {
    void run() throws ErrnoException;
  }

  private static void refused(Errno errno, String part, Call call) {
    ErrnoException e = assertThrows(ErrnoException.class, call::run);
    assertEquals(errno, e.errno());
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void defaultExportIsTheOnlyLiveDevice() throws Exception {
    refused(Errno.ENOENT, "there are []", () -> table.find(""));
    addBoth();
    assertEquals("disk", table.find("").name());
    exporter.add(new ExportRequest("disk", "copy", true));
    assertEquals("disk", table.find("").name());
    table.deviceCame("second", "", DeviceRole.LIVE, new MemoryDevice(512));
    refused(Errno.ENOENT, "[disk, disk@a, second]", () -> table.find(""));
  }

  @Test
  void namesCanBeAddedAndRemoved() throws Exception {
    addBoth();
    ExportInfo added = exporter.add(new ExportRequest("disk", "ro", true));
    assertEquals(new ExportInfo("nbd", "ro", "disk", true, false, 0, List.of()), added);
    assertEquals(
        List.of("disk", "disk@a", "ro"), exporter.list().stream().map(ExportInfo::name).toList());
    assertTrue(exporter.list().get(1).readOnly(), "an image that takes no writes");
    exporter.remove("ro", RemovalMode.SAFE);
    refused(Errno.ENOENT, "no such export: ro", () -> table.find("ro"));
  }

  @Test
  void refusalsSayWhy() {
    addBoth();
    refused(Errno.ENODEV, "there are [disk, disk@a]", () -> add("nope", "x"));
    refused(Errno.EEXIST, "give another", () -> add("disk", ""));
    refused(Errno.EEXIST, "give another", () -> add("disk", "disk@a"));
    refused(Errno.EINVAL, "4096", () -> add("disk", "x".repeat(4097)));
    refused(Errno.EINVAL, "control", () -> add("disk", "a\nb"));
    refused(Errno.ENOENT, "no such", () -> exporter.remove("x", RemovalMode.HARD));
    refused(Errno.EPERM, "without asking", () -> exporter.remove("disk", RemovalMode.HARD));
  }

  private void add(String device, String name) throws ErrnoException {
    exporter.add(new ExportRequest(device, name, false));
  }

  @Test
  void namesGoWithTheirDevice() throws Exception {
    addBoth();
    add("disk", "x");
    add("disk@a", "y");
    assertFalse(table.deviceCame("x", "", DeviceRole.LIVE, image), "the name is taken");
    table.deviceWent(disk);
    assertEquals(List.of("disk@a", "y"), exporter.list().stream().map(ExportInfo::name).toList());
  }

  @Test
  void stoppingServerTurnsClientsAway() {
    addBoth();
    table.stop();
    refused(Errno.ESHUTDOWN, "shutting down", () -> table.find("disk"));
    refused(Errno.ESHUTDOWN, "shutting down", () -> add("disk", "x"));
  }
}
