package io.sluice.shell.backup;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BackupDirectoryTest {
  @TempDir Path dir;

  static BackupFile file(String device, int point, int base) {
    return new BackupFile(
        device,
        base == 0 ? BackupKind.FULL : BackupKind.INCREMENTAL,
        base == 0 ? "the \"base\" is void" : "",
        BackupFormat.QCOW2,
        BackupDirectory.fileName(device, point, BackupFormat.QCOW2),
        1L << 40,
        base,
        new UUID(7, point),
        point,
        4096,
        2,
        true,
        5,
        "00ff");
  }

  private BackupPoint publish(BackupDirectory directory, int number, BackupFile... files)
      throws Exception {
    BackupPoint point =
        new BackupPoint(number, Instant.parse("2026-11-28T01:02:03.000000004Z"), List.of(files));
    for (BackupFile file : files) {
      Files.writeString(directory.path().resolve(BackupDirectory.partName(file.file())), "bytes");
    }
    directory.publish(point);
    return point;
  }

  private String record(int point) throws Exception {
    return Files.readString(dir.resolve("b/backup.00000" + point + ".json"));
  }

  private void expectMalformed(int point, String text) throws Exception {
    Files.writeString(dir.resolve("b/backup.00000" + point + ".json"), text);
    try (BackupDirectory directory = BackupDirectory.open(dir.resolve("b"))) {
      ErrnoException e = assertThrows(ErrnoException.class, directory::points, text);
      assertEquals(Errno.EINVAL, e.errno());
      assertTrue(e.text().contains("backup.00000" + point + ".json"), e.text());
    }
  }

  @Test
  void whatIsPublishedIsReadBackWhole() throws Exception {
    try (BackupDirectory directory = BackupDirectory.make(dir.resolve("b"))) {
      BackupPoint second = publish(directory, 2, file("disk", 2, 1));
      BackupPoint first = publish(directory, 1, file("disk", 1, 0), file("-two", 1, 0));
      assertEquals(List.of(first, second), directory.points());
      assertEquals(second, directory.point(0, ""));
      assertEquals(first, directory.point(0, "-two"));
      assertEquals(first, directory.point(1, ""));
    }
    for (String name : List.of("disk.000001.qcow2", "-two.000001.qcow2", "backup.000002.json")) {
      assertEquals(
          "rw-------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve("b/" + name))));
    }
  }

  @Test
  void whatIsNotThereIsNamed() throws Exception {
    Path nowhere = dir.resolve("nowhere");
    assertEquals(
        Errno.ENOENT,
        assertThrows(ErrnoException.class, () -> BackupDirectory.open(nowhere)).errno());
    Path file = Files.createFile(dir.resolve("file"));
    assertEquals(
        Errno.ENOTDIR,
        assertThrows(ErrnoException.class, () -> BackupDirectory.open(file)).errno());
    try (BackupDirectory directory = BackupDirectory.make(dir.resolve("b"))) {
      assertThrows(ErrnoException.class, () -> directory.point(0, ""));
      BackupPoint point = publish(directory, 1, file("disk", 1, 0), file("two", 1, 0));
      assertThrows(ErrnoException.class, () -> directory.point(2, ""));
      assertThrows(ErrnoException.class, () -> directory.point(0, "three"));
      ErrnoException ambiguous = assertThrows(ErrnoException.class, () -> point.file(""));
      assertTrue(ambiguous.text().contains("[disk, two]"), ambiguous.text());
      assertEquals("two", point.file("two").device());
    }
  }

  @Test
  void aChainIsFollowedToItsFullBackup() throws Exception {
    try (BackupDirectory directory = BackupDirectory.make(dir.resolve("b"))) {
      publish(directory, 1, file("disk", 1, 0));
      publish(directory, 2, file("disk", 2, 1));
      BackupPoint last = publish(directory, 3, file("disk", 3, 2));
      List<BackupPoint> points = directory.points();
      assertEquals("", directory.missing(points, last, "disk"));
      Files.writeString(dir.resolve("b/disk.000002.qcow2"), "more bytes");
      assertEquals(
          "disk.000002.qcow2 has 10 bytes, and had 5", directory.missing(points, last, "disk"));
      Files.writeString(dir.resolve("b/disk.000002.qcow2"), "again");
      Files.delete(dir.resolve("b/disk.000001.qcow2"));
      assertEquals("disk.000001.qcow2 is gone", directory.missing(points, last, "disk"));
      assertEquals(
          "point 1, which disk.000002.qcow2 lies on, is gone",
          directory.missing(points.subList(1, 3), last, "disk"));
      // A record that leads in a circle ends too.
      BackupPoint circle = new BackupPoint(3, Instant.EPOCH, List.of(file("disk", 3, 3)));
      assertEquals(
          "point 3, which disk.000003.qcow2 lies on, is gone",
          directory.missing(List.of(circle), circle, "disk"));
    }
  }

  @Test
  void oneCallerAtATime() throws Exception {
    Path b = Files.createDirectory(dir.resolve("b"));
    try (BackupDirectory held = BackupDirectory.make(b)) {
      assertTrue(held.points().isEmpty());
      ErrnoException e = assertThrows(ErrnoException.class, () -> BackupDirectory.open(b));
      assertEquals(Errno.EBUSY, e.errno());
    }
    BackupDirectory.open(b).close();
  }

  @Test
  void leftoversGoAndFilesOfOthersStay() throws Exception {
    Path b = Files.createDirectory(dir.resolve("b"));
    Path leftover = Files.createFile(b.resolve("disk.000001.qcow2.part"));
    Path others = Files.createFile(b.resolve("notes.part"));
    BackupDirectory.make(b).close();
    assertFalse(Files.exists(leftover));
    assertTrue(Files.exists(others));
  }

  @Test
  void aRecordThatIsNoneIsRefusedByName() throws Exception {
    try (BackupDirectory directory = BackupDirectory.make(dir.resolve("b"))) {
      publish(directory, 1, file("disk", 1, 0));
    }
    String good = record(1);
    expectMalformed(1, "");
    expectMalformed(1, "[]");
    expectMalformed(1, "{}");
    expectMalformed(1, good.substring(0, good.length() / 2));
    expectMalformed(1, good.replace("disk.000001.qcow2", "../disk.000001.qcow2"));
    expectMalformed(1, good.replace("disk.000001.qcow2", ".."));
    expectMalformed(1, good.replace("\"full\"", "\"partial\""));
    expectMalformed(1, good.replace("1099511627776", "-1"));
    expectMalformed(1, good.replace("\"base_point\": 0", "\"base_point\": 4294967296"));
    expectMalformed(1, good.replace("2026-11-28T", "yesterday "));
    expectMalformed(1, " ".repeat(BackupDirectory.POINT_FILE_MAX_BYTES + 1));
  }

  @Test
  void aDirectoryThatGotNoPointIsAsItWas() throws Exception {
    Path there = Files.createDirectory(dir.resolve("there"));
    Path deep = there.resolve("new/deep");
    try (BackupDirectory directory = BackupDirectory.make(deep)) {
      Files.writeString(deep.resolve("disk.000001.qcow2.part"), "half");
      directory.removeParts();
    }
    try (var left = Files.list(there)) {
      assertEquals(List.of(), left.toList());
    }
    try (BackupDirectory directory = BackupDirectory.make(deep)) {
      Files.writeString(directory.path().resolve("mine"), "somebody else's");
    }
    assertEquals("somebody else's", Files.readString(deep.resolve("mine")));
    try (BackupDirectory directory = BackupDirectory.make(there)) {
      assertTrue(directory.points().isEmpty());
    }
    assertTrue(Files.exists(there.resolve("backup.lock")), "it was there before");
  }
}
