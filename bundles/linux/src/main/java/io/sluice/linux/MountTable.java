package io.sluice.linux;

import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The mounts that this process sees, by /proc/self/mountinfo. */
public final class MountTable {
  private static final Path MOUNTS = Path.of("/proc/self/mountinfo");

  /** File systems whose files have other device numbers than the mount. */
  private static final Set<String> NUMBERED_APART = Set.of("btrfs", "bcachefs", "overlay");

  private MountTable() {}

  /** What is mounted where {@code file} lies, such as {@code /dev/sda1}; null if it is no path. */
  static Path source(Path file) {
    try {
      return source(file, Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET));
    } catch (IOException e) {
      return null;
    }
  }

  /**
   * As {@link #source(Path)}, from lines such as {@code 36 35 0:32 / /mnt rw shared:1 - btrfs
   * /dev/sdb1 rw}: the fifth field is the mount point, the second after the dash the source.
   */
  static Path source(Path file, List<String> lines) {
    Mount mount = mountOf(file, lines);
    return mount != null && mount.source.startsWith("/") ? path(mount.source) : null;
  }

  /** A mount: the device number that its files have as a rule, its type and its source. */
  record Mount(String device, String type, String source) {}

  /** The mount that a path lies on, or null. */
  static Mount mountOf(Path file, List<String> lines) {
    Path longest = Path.of("/");
    Mount found = null;
    for (String line : lines) {
      String[] fields = line.split(" ", -1);
      int dash = List.of(fields).indexOf("-");
      if (dash >= 5 && fields.length >= dash + 3) {
        Path point = path(fields[4]);
        // Of two mounts at one point the later hides the earlier.
        if (point != null
            && file.startsWith(point)
            && point.getNameCount() >= longest.getNameCount()) {
          longest = point;
          found = new Mount(fields[2], fields[dash + 1], unescape(fields[dash + 2]));
        }
      }
    }
    return found;
  }

  /**
   * Whether a path may lead to something, as far as can be told without asking the file system it
   * lies on.
   */
  static boolean mayBe(Path file, StorageIdentity identity) {
    try {
      return mayBe(file, identity, Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET));
    } catch (IOException e) {
      return true;
    }
  }

  /**
   * As {@link #mayBe(Path, StorageIdentity)}, from lines as above; the third field is the device
   * number that files there have as a rule, the first after the dash the type.
   */
  static boolean mayBe(Path file, StorageIdentity identity, List<String> lines) {
    Mount mount = mountOf(file, lines);
    if (mount == null) {
      return true;
    }
    if (identity.block()) { // device nodes have no home there
      return !mount.type.startsWith("fuse") && !mount.type.startsWith("nfs");
    }
    return mount.device.equals(BlockSysfs.numbers(identity.fileSystem()))
        || NUMBERED_APART.contains(mount.type);
  }

  /** The table as it is now; empty without /proc. */
  static List<String> lines() {
    try {
      return Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET);
    } catch (IOException e) {
      return List.of();
    }
  }

  /** All mount points by the block device that is mounted there, in the order of mounting. */
  static Map<Long, List<Path>> byDevice() {
    try {
      return byDevice(Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET));
    } catch (IOException e) {
      return Map.of();
    }
  }

  /** As {@link #byDevice()}, from lines as above. */
  static Map<Long, List<Path>> byDevice(List<String> lines) {
    Map<Long, List<Path>> points = new LinkedHashMap<>();
    for (String line : lines) {
      String[] fields = line.split(" ", -1);
      int dash = List.of(fields).indexOf("-");
      Path point = fields.length > 4 ? path(fields[4]) : null;
      if (point != null && dash >= 5 && fields.length >= dash + 3) {
        long device = blockDevice(fields[2], fields[dash + 2]);
        if (device != 0) {
          points.computeIfAbsent(device, unused -> new ArrayList<>()).add(point);
        }
      }
    }
    return points;
  }

  /** Of btrfs and the like the source, for they number their file systems apart; 0 for none. */
  static long blockDevice(String numbers, String source) {
    String[] parts = numbers.split(":", -1);
    if (parts.length == 2 && !parts[0].equals("0")) {
      return BlockSysfs.device(Long.parseLong(parts[0]), Long.parseLong(parts[1]));
    }
    Path node = source.startsWith("/dev/") ? path(source) : null;
    try {
      return node == null ? 0 : FileStatus.of(node, "stat " + node).device();
    } catch (ErrnoException e) {
      return 0;
    }
  }

  /** Where a device's file system is mounted. */
  static List<Path> mountPoints(long device) {
    try {
      return mountPoints(
          BlockSysfs.numbers(device), Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET));
    } catch (IOException e) {
      return List.of();
    }
  }

  /** As {@link #mountPoints(long)}, from lines as above; the third field is the device. */
  static List<Path> mountPoints(String device, List<String> lines) {
    List<Path> points = new ArrayList<>();
    for (String line : lines) {
      String[] fields = line.split(" ", -1);
      if (fields.length > 4 && fields[2].equals(device)) {
        Path point = path(fields[4]);
        if (point != null) {
          points.add(point);
        }
      }
    }
    return points;
  }

  /**
   * Where file systems of a kind are mounted, the latest first.
   *
   * @param type as mount(8) shows it, such as {@code fuse.sluice}
   * @param source what is mounted
   * @param option one of the file system's own options, such as {@code user_id=0}
   * @throws IOException if the mounts can't be read
   */
  public static List<Path> mountPoints(String type, String source, String option)
      throws IOException {
    return mountPoints(
        type, source, option, Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET));
  }

  /** As {@link #mountPoints(String, String, String)}, from lines as above. */
  static List<Path> mountPoints(String type, String source, String option, List<String> lines) {
    List<Path> points = new ArrayList<>();
    for (String line : lines) {
      List<String> fields = List.of(line.split(" ", -1));
      int dash = fields.indexOf("-");
      if (dash >= 5
          && fields.size() > dash + 3
          && fields.get(dash + 1).equals(type)
          && unescape(fields.get(dash + 2)).equals(source)
          && List.of(fields.get(dash + 3).split(",", -1)).contains(option)) {
        Path point = path(fields.get(4));
        if (point != null) {
          points.add(0, point);
        }
      }
    }
    return points;
  }

  /** Whether something is mounted at a real path. */
  static boolean isMountPoint(Path real) throws IOException {
    for (String line : Files.readAllLines(MOUNTS, SystemErrors.NATIVE_CHARSET)) {
      String[] fields = line.split(" ", -1);
      if (fields.length > 4 && real.equals(path(fields[4]))) {
        return true;
      }
    }
    return false;
  }

  /** Null for what this process has no name for, and so no files on. */
  private static Path path(String field) {
    try {
      return Path.of(unescape(field));
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /** Blanks and the like stand as a backslash and three octal digits. */
  private static String unescape(String field) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < field.length(); i++) {
      if (field.charAt(i) == '\\' && i + 4 <= field.length()) {
        text.append((char) Integer.parseInt(field.substring(i + 1, i + 4), 8));
        i += 3;
      } else {
        text.append(field.charAt(i));
      }
    }
    return text.toString();
  }
}
