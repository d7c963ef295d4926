package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.DeviceMap;
import io.sluice.block.DeviceRole;
import io.sluice.block.DeviceView;
import io.sluice.block.DeviceViews;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.export.ExportChange;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.RemovalMode;
import io.sluice.nbd.session.Export;
import io.sluice.nbd.session.MetaContext;
import io.sluice.testing.MemoryDevice;
import java.util.List;
import java.util.Optional;
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

  private static DeviceMap map(String name) {
    return new DeviceMap() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public void extents(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
        visitor.extent(lengthBytes, 1);
      }
    };
  }

  private static List<String> contexts(Export export) {
    return export.contexts().stream().map(MetaContext::name).toList();
  }

  @Test
  void viewsAreFoundServedUnderMoreNamesAndGoWithTheirDevice() throws Exception {
    MemoryDevice stranger = new MemoryDevice(512);
    DeviceViews views =
        name ->
            switch (name) {
              case "disk@a" ->
                  Optional.of(
                      new DeviceView(name, "disk", "an image", image, List.of(map("depth"))));
              case "disk@a..b", "disk@a..g:1" ->
                  Optional.of(
                      new DeviceView(
                          "disk@a..g:1", "disk", "since b", image, List.of(map("changed"))));
              case "gone" -> Optional.of(new DeviceView(name, "disk", "", stranger, List.of()));
              default -> Optional.empty();
            };
    ExportTable viewed = new ExportTable(views);
    refused(Errno.ENOENT, "disk@a..b", () -> viewed.find("disk@a..b"));
    assertTrue(viewed.deviceCame("disk@a", "an image", DeviceRole.IMAGE, image));
    assertEquals(
        List.of("base:allocation", "qemu:allocation-depth"), contexts(viewed.find("disk@a")));
    Export found = viewed.find("disk@a..b");
    assertEquals("disk@a..g:1", found.name());
    assertEquals("since b", found.description());
    assertEquals(List.of("base:allocation", "qemu:dirty-bitmap:backup-disk"), contexts(found));
    assertTrue(found.isSame(viewed.find("disk@a..g:1")), "its own name finds it again");
    refused(Errno.ENOENT, "gone", () -> viewed.find("gone"));

    ExportTable.Entry added = viewed.add(new ExportRequest("disk@a..b", "vda", true));
    assertEquals("disk@a..g:1", added.deviceName());
    assertEquals(
        List.of("base:allocation", "qemu:dirty-bitmap:backup-vda"), contexts(viewed.find("vda")));
    viewed.change(new ExportChange("vda", "for the backup", null, null));
    assertEquals("for the backup", viewed.find("vda").description());
    assertEquals(2, contexts(viewed.find("vda")).size(), "a change of terms keeps the maps");
    refused(Errno.ENODEV, "gone", () -> viewed.add(new ExportRequest("gone", "vdb", true)));

    viewed.deviceWent(image);
    refused(Errno.ENOENT, "vda", () -> viewed.find("vda"));
    refused(Errno.ENOENT, "disk@a..b", () -> viewed.find("disk@a..b"));
  }

  @Test
  void aSetupOnAViewIsRestoredOnceItsDeviceIsThere() throws Exception {
    DeviceViews views =
        name ->
            name.equals("disk@a..g:1")
                ? Optional.of(new DeviceView(name, "disk", "", image, List.of(map("changed"))))
                : Optional.empty();
    ExportTable viewed = new ExportTable(views);
    ConfiguredExports configured = new ConfiguredExports(viewed, new Access(null));
    configured.restore(new ExportSetup(new ExportRequest("disk@a..g:1", "vda", true), false));
    refused(Errno.ENOENT, "vda", () -> viewed.find("vda"));
    configured.deviceCame("disk@a", "", DeviceRole.IMAGE, image);
    assertEquals(
        List.of("base:allocation", "qemu:dirty-bitmap:backup-vda"), contexts(viewed.find("vda")));
  }
}
