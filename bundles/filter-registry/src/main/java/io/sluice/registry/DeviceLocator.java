package io.sluice.registry;

import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds out what storage a path leads to, through links, device numbers and loop devices. */
public final class DeviceLocator {
  /** The most loop devices that may stand on one another; the kernel's own check stops at eight. */
  static final int LOOP_DEPTH_MAX = 8;

  private static final int TYPE_MASK = 0170000;
  private static final int TYPE_BLOCK = 0060000;
  private static final int TYPE_REGULAR = 0100000;

  /** A name that udev gives each block device; it may be missing where there is no udev. */
  private static final Pattern BY_NUMBER = Pattern.compile("/dev/block/(\\d{1,4}):(\\d{1,7})");

  private final Path sysDirectory;

  /**
   * @param sysDirectory where sysfs is mounted: {@code /sys}
   */
  public DeviceLocator(Path sysDirectory) {
    this.sysDirectory = sysDirectory;
  }

  /**
   * The storage that a path leads to, then what that is a loop device on, and so on down. Empty if
   * the path leads to no block special or regular file, or may not be looked at.
   */
  List<StorageIdentity> trace(String path) {
    List<StorageIdentity> found = new ArrayList<>();
    Optional<String> at = Optional.of(path);
    while (at.isPresent() && found.size() <= LOOP_DEPTH_MAX) {
      Optional<StorageIdentity> identity = identify(at.get());
      identity.ifPresent(found::add);
      at = identity.filter(StorageIdentity::block).flatMap(this::loopBackingFile);
    }
    return found;
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
    long number = device.inode();
    long major = (number >>> 32 & 0xfffff000L) | (number >>> 8 & 0xfffL);
    long minor = (number >>> 12 & 0xffffff00L) | (number & 0xffL);
    Path loop =
        sysDirectory.resolve("dev").resolve("block").resolve(major + ":" + minor).resolve("loop");
    return line(loop.resolve("offset"))
        .filter("0"::equals)
        .flatMap(offset -> line(loop.resolve("backing_file")));
  }

  private static Optional<String> line(Path file) {
    try {
      return Optional.of(Files.readString(file).stripTrailing());
    } catch (IOException | SecurityException e) {
      return Optional.empty();
    }
  }
}
