package io.sluice.registry;

import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds out what storage a path leads to: through links, device numbers, loop devices, and what
 * exporters serve.
 */
public final class DeviceLocator {
  /** The most loop devices that may stand on one another; the kernel's own check stops at eight. */
  static final int LOOP_DEPTH_MAX = 8;

  private static final int TYPE_MASK = 0170000;
  private static final int TYPE_BLOCK = 0060000;
  private static final int TYPE_REGULAR = 0100000;

  /** A name that udev gives each block device; it may be missing where there is no udev. */
  private static final Pattern BY_NUMBER = Pattern.compile("/dev/block/(\\d{1,4}):(\\d{1,7})");

  private final Path sysDirectory;
  private final Path procDirectory;
  private final Supplier<Map<String, String>> served;

  /** For no exporters. */
  public DeviceLocator(Path sysDirectory) {
    this(sysDirectory, Path.of("/proc"), Map::of);
  }

  /**
   * @param sysDirectory where sysfs is mounted: {@code /sys}
   * @param procDirectory where proc is mounted: {@code /proc}
   * @param served at which addresses devices are served, with their names
   */
  public DeviceLocator(
      Path sysDirectory, Path procDirectory, Supplier<Map<String, String>> served) {
    this.sysDirectory = sysDirectory;
    this.procDirectory = procDirectory;
    this.served = served;
  }

  /**
   * What a path leads to.
   *
   * @param identities the storage, then what that is a loop device on, and so on down
   * @param served the device that it is served from, if it comes down to that
   */
  record Trace(List<StorageIdentity> identities, Optional<String> served) {}

  /**
   * Follows a path down. No identity if it leads to no block special or regular file, or may not be
   * looked at.
   */
  Trace trace(String path) {
    ServedAddresses addresses = new ServedAddresses(served.get());
    List<StorageIdentity> found = new ArrayList<>();
    Optional<String> at = Optional.of(path);
    while (at.isPresent() && found.size() <= LOOP_DEPTH_MAX) {
      Optional<String> device = addresses.byFile(at.get());
      if (device.isPresent()) {
        return new Trace(found, device);
      }
      if (!found.isEmpty() && isInUserSpace(at.get())) {
        break; // its server may answer no more
      }
      Optional<StorageIdentity> identity = identify(at.get());
      identity.ifPresent(found::add);
      Optional<StorageIdentity> block = identity.filter(StorageIdentity::block);
      Optional<String> client = block.flatMap(id -> addresses.byClient(nbdClient(id)));
      if (client.isPresent()) {
        return new Trace(found, client);
      }
      at = block.flatMap(this::loopBackingFile);
    }
    return new Trace(found, Optional.empty());
  }

  /** Whether a file that the kernel named lies on a file system in user space. */
  private boolean isInUserSpace(String path) {
    Path file = Path.of(path);
    Path longest = Path.of("/");
    boolean fuse = false;
    for (String line : lines(procDirectory.resolve("self/mountinfo"))) {
      String[] fields = line.split(" ", -1);
      int dash = List.of(fields).indexOf("-");
      Path point = fields.length > 4 ? Path.of(fields[4].replace("\\040", " ")) : null;
      if (point != null
          && dash > 4
          && dash + 1 < fields.length
          && file.startsWith(point)
          && point.getNameCount() >= longest.getNameCount()) {
        longest = point;
        fuse = fields[dash + 1].startsWith("fuse");
      }
    }
    return fuse;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
    } catch (IOException | SecurityException e) {
      return List.of();
    }
  }

  /** The words that the client of an NBD device was started with; none if it is no such device. */
  private List<String> nbdClient(StorageIdentity device) {
    Optional<String> pid = line(sysfs(device).resolve("pid"));
    if (pid.isEmpty() || !pid.get().matches("\\d{1,9}")) {
      return List.of();
    }
    return line(procDirectory.resolve(pid.get()).resolve("cmdline"))
        .map(words -> List.of(words.split("\0", -1)))
        .orElse(List.of());
  }

  private static Optional<StorageIdentity> identify(String path) {
    Matcher byNumber = BY_NUMBER.matcher(path);
    if (byNumber.matches()) {
      long number =
          deviceNumber(Integer.parseInt(byNumber.group(1)), Integer.parseInt(byNumber.group(2)));
      return Optional.of(new StorageIdentity(true, 0, number));
    }
    try {
      Map<String, Object> status = Files.readAttributes(Path.of(path), "unix:mode,dev,ino,rdev");
      int type = ((Number) status.get("mode")).intValue() & TYPE_MASK;
      return switch (type) {
        case TYPE_BLOCK -> Optional.of(new StorageIdentity(true, 0, number(status, "rdev")));
        case TYPE_REGULAR ->
            Optional.of(new StorageIdentity(false, number(status, "dev"), number(status, "ino")));
        default -> Optional.empty();
      };
    } catch (IOException
        | InvalidPathException
        | UnsupportedOperationException
        | SecurityException e) {
      return Optional.empty();
    }
  }

  private static long number(Map<String, Object> status, String attribute) {
    return ((Number) status.get(attribute)).longValue();
  }

  /** The C library's makedev. */
  static long deviceNumber(long major, long minor) {
    return (major & 0xfffff000L) << 32
        | (major & 0xfffL) << 8
        | (minor & 0xffffff00L) << 12
        | (minor & 0xffL);
  }

  /** The file under a loop device that starts at the file's first byte; others show other bytes. */
  private Optional<String> loopBackingFile(StorageIdentity device) {
    Path loop = sysfs(device).resolve("loop");
    return line(loop.resolve("offset"))
        .filter("0"::equals)
        .flatMap(offset -> line(loop.resolve("backing_file")));
  }

  private Path sysfs(StorageIdentity device) {
    long number = device.inode();
    long major = (number >>> 32 & 0xfffff000L) | (number >>> 8 & 0xfffL);
    long minor = (number >>> 12 & 0xffffff00L) | (number & 0xffL);
    return sysDirectory.resolve("dev").resolve("block").resolve(major + ":" + minor);
  }

  private static Optional<String> line(Path file) {
    try {
      return Optional.of(Files.readString(file).stripTrailing());
    } catch (IOException | SecurityException e) {
      return Optional.empty();
    }
  }
}
