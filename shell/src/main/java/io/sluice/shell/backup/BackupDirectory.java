package io.sluice.shell.backup;

import com.fasterxml.jackson.jr.ob.JSON;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A directory of backups, held by one caller at a time. A point is a JSON file that names the files
 * of its devices; it is written last, so a point that is there is whole. What was never finished
 * ends in {@code .part} and is removed by the next backup.
 */
final class BackupDirectory implements AutoCloseable {
  static final int POINT_COUNT_MAX = 100_000;
  static final int POINT_FILE_MAX_BYTES = 1 << 20;

  private static final Pattern POINT_FILE = Pattern.compile("backup\\.([0-9]{6})\\.json");
  private static final Pattern FILE_NAME =
      Pattern.compile("[A-Za-z0-9._-]{1,240}\\.[0-9]{6}\\.(qcow2|raw)");
  private static final String PART = ".part";
  private static final String LOCK = "backup.lock";
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  private final Path path;
  private final FileChannel lockFile;

  /** Directories to remove again, the innermost first, unless a point comes to lie in them. */
  private List<Path> made = List.of();

  private BackupDirectory(Path path, FileChannel lockFile) {
    this.path = path;
    this.lockFile = lockFile;
  }

  /**
   * Opens a directory to add points to it, making it if it is missing; one that was made and got no
   * point is gone after {@link #close}.
   *
   * @throws ErrnoException EBUSY if somebody else works in it; ENOTDIR if something else lies there
   */
  static BackupDirectory make(Path path) throws IOException, ErrnoException {
    List<Path> missing = new ArrayList<>();
    Path whole = path.toAbsolutePath();
    for (Path each = whole; each != null && !Files.exists(each); each = each.getParent()) {
      missing.add(each);
    }
    if (!missing.isEmpty()) {
      Files.createDirectories(
          whole,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }
    BackupDirectory directory = open(path);
    directory.made = missing;
    directory.removeParts();
    return directory;
  }

  /**
   * Opens a directory as it is.
   *
   * @throws ErrnoException ENOENT if there is none; else as {@link #make}
   */
  static BackupDirectory open(Path path) throws IOException, ErrnoException {
    if (!Files.isDirectory(path)) {
      throw Files.exists(path)
          ? new ErrnoException(Errno.ENOTDIR, path + ": backups lie in a directory")
          : new ErrnoException(Errno.ENOENT, path + ": no such directory");
    }
    FileChannel lockFile =
        FileChannel.open(
            path.resolve(LOCK),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(PRIVATE));
    try {
      FileLock lock = lockFile.tryLock();
      if (lock != null) {
        return new BackupDirectory(path, lockFile);
      }
    } catch (OverlappingFileLockException e) {
      // This agent holds it, for another caller.
    }
    lockFile.close();
    throw new ErrnoException(Errno.EBUSY, path + ": another backup, restore or check uses it");
  }

  Path path() {
    return path;
  }

  /** All points, by number. */
  List<BackupPoint> points() throws IOException, ErrnoException {
    List<BackupPoint> points = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "backup.*.json")) {
      for (Path file : files) {
        Matcher name = POINT_FILE.matcher(file.getFileName().toString());
        if (name.matches()) {
          if (points.size() == POINT_COUNT_MAX) {
            throw new ErrnoException(
                Errno.EOVERFLOW, path + ": more than " + POINT_COUNT_MAX + " points");
          }
          points.add(read(file, Integer.parseInt(name.group(1))));
        }
      }
    }
    points.sort(Comparator.comparingInt(BackupPoint::point));
    return points;
  }

  /**
   * A point.
   *
   * @param number 0 for the last one that has the device
   * @param device a device's name, or empty for any
   * @throws ErrnoException ENOENT if there is none
   */
  BackupPoint point(int number, String device) throws IOException, ErrnoException {
    return points().stream()
        .filter(
            point ->
                number == 0
                    ? device.isEmpty() || point.of(device).isPresent()
                    : point.point() == number)
        .reduce((earlier, later) -> later)
        .orElseThrow(
            () ->
                new ErrnoException(
                    Errno.ENOENT,
                    path
                        + (number != 0
                            ? ": it has no point " + number
                            : ": no backup "
                                + (device.isEmpty() ? "" : "of " + device + " ")
                                + "is in it")));
  }

  /**
   * What is missing of a device's file in a point and of all that it lies on, as far as a look at
   * the lengths tells.
   *
   * @param points all points
   * @return a sentence, or empty
   */
  String missing(List<BackupPoint> points, BackupPoint point, String device)
      throws IOException, ErrnoException {
    Map<Integer, BackupPoint> byNumber =
        points.stream().collect(Collectors.toMap(BackupPoint::point, each -> each));
    BackupPoint each = point;
    while (true) {
      BackupFile file = each.file(device);
      Path there = path.resolve(file.file());
      if (!Files.isRegularFile(there)) {
        return file.file() + " is gone";
      }
      if (Files.size(there) != file.fileBytes()) {
        return file.file() + " has " + Files.size(there) + " bytes, and had " + file.fileBytes();
      }
      if (file.kind() == BackupKind.FULL) {
        return "";
      }
      BackupPoint base = byNumber.get(file.basePoint());
      // Only downwards, so that no record leads in a circle.
      if (base == null || base.of(device).isEmpty() || base.point() >= each.point()) {
        return "point " + file.basePoint() + ", which " + file.file() + " lies on, is gone";
      }
      each = base;
    }
  }

  /** The name of a device's file in a point. */
  static String fileName(String device, int point, BackupFormat format) {
    return String.format(Locale.ROOT, "%s.%06d.%s", device, point, format.id());
  }

  /** What a file is called until it is whole. */
  static String partName(String file) {
    return file + PART;
  }

  /** Makes files that are whole, and the point that names them, visible and durable. */
  void publish(BackupPoint point) throws IOException {
    made = List.of();
    for (BackupFile file : point.files()) {
      Path part = path.resolve(partName(file.file()));
      Files.setPosixFilePermissions(part, PRIVATE);
      force(part);
      move(part, path.resolve(file.file()));
    }
    String name = String.format(Locale.ROOT, "backup.%06d.json", point.point());
    Path part = path.resolve(partName(name));
    try (OutputStream out = Files.newOutputStream(part)) {
      Json.write(point, out);
    }
    Files.setPosixFilePermissions(part, PRIVATE);
    force(part);
    force(path);
    move(part, path.resolve(name));
    force(path);
  }

  private static void move(Path from, Path to) throws IOException {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(from, to);
    }
  }

  private static void force(Path path) throws IOException {
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      file.force(true);
    }
  }

  /** Removes what was never finished. */
  void removeParts() throws IOException {
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(path, "*.[0-9]*" + PART)) {
      for (Path part : parts) {
        Files.deleteIfExists(part);
      }
    }
  }

  private static BackupPoint read(Path file, int number) throws IOException, ErrnoException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(POINT_FILE_MAX_BYTES + 1);
    } catch (NoSuchFileException e) {
      throw new ErrnoException(Errno.ENOENT, file + ": it went away meanwhile", e);
    }
    if (bytes.length > POINT_FILE_MAX_BYTES) {
      throw new ErrnoException(
          Errno.EINVAL, file + ": longer than " + POINT_FILE_MAX_BYTES + " bytes");
    }
    try {
      Map<String, Object> map = JSON.std.mapFrom(bytes);
      List<BackupFile> files = new ArrayList<>();
      for (Object each : (List<?>) map.get("files")) {
        files.add(backupFile((Map<?, ?>) each));
      }
      return new BackupPoint(number, Instant.parse((String) map.get("taken_at")), files);
    } catch (IOException
        | ClassCastException
        | NullPointerException
        | ArithmeticException
        | IllegalArgumentException
        | DateTimeParseException e) {
      throw new ErrnoException(
          Errno.EINVAL, file + ": not the record of a backup: " + e.getMessage(), e);
    }
  }

  private static BackupFile backupFile(Map<?, ?> map) {
    String file = (String) map.get("file");
    if (!FILE_NAME.matcher(file).matches()) {
      throw new IllegalArgumentException("file \"" + file + "\" is no name of a file in here");
    }
    return new BackupFile(
        (String) map.get("device"),
        BackupKind.valueOf(((String) map.get("kind")).toUpperCase(Locale.ROOT)),
        (String) map.get("reason"),
        BackupFormat.valueOf(((String) map.get("format")).toUpperCase(Locale.ROOT)),
        file,
        number(map, "size_bytes"),
        Math.toIntExact(number(map, "base_point")),
        UUID.fromString((String) map.get("generation_id")),
        Math.toIntExact(number(map, "changes_number")),
        number(map, "copied_bytes"),
        Math.toIntExact(number(map, "retry_count")),
        (Boolean) map.get("compared"),
        number(map, "file_bytes"),
        (String) map.get("sha256"));
  }

  private static long number(Map<?, ?> map, String name) {
    long value = ((Number) map.get(name)).longValue();
    if (value < 0) {
      throw new IllegalArgumentException(name + " is " + value);
    }
    return value;
  }

  @Override
  public void close() throws IOException {
    try (lockFile) {
      if (!made.isEmpty()) {
        Files.deleteIfExists(path.resolve(LOCK));
      }
      for (Path each : made) {
        Files.deleteIfExists(each);
      }
    } catch (DirectoryNotEmptyException e) {
      // Somebody else has put something there meanwhile.
    }
  }
}
