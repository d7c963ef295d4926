package io.sluice.linux;

import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What /sys tells about block devices by their number. */
public final class BlockSysfs {
  private BlockSysfs() {}

  /**
   * Whether seeks cost on a device; false if /sys does not know it, as for tmpfs.
   *
   * @param device st_rdev of the device, or st_dev of a file on it
   */
  public static boolean rotational(long device) {
    Path directory = directory(device);
    String own = read(directory.resolve("queue/rotational"));
    // A partition has no queue of its own; its disk is one directory up.
    String text = own.isEmpty() ? read(directory.resolve("../queue/rotational")) : own;
    return text.equals("1");
  }

  /**
   * Whether there is a device of a number; true where /sys can't be asked.
   *
   * @param device st_rdev
   */
  public static boolean knows(long device) {
    return Files.exists(directory(device)) || !Files.isDirectory(Path.of("/sys/dev/block"));
  }

  /** A device's number as the kernel writes it, {@code MAJOR:MINOR}. */
  public static String numbers(long device) {
    return major(device) + ":" + minor(device);
  }

  static Path directory(long device) {
    return Path.of("/sys/dev/block/" + numbers(device));
  }

  /** The C library's encoding of a device number: 32 bits for each half, in four pieces. */
  static long device(long major, long minor) {
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffL) << 12 | (major & ~0xfffL) << 32;
  }

  static long major(long device) {
    return ((device >>> 8) & 0xfff) | ((device >>> 32) & 0xfffff000L);
  }

  static long minor(long device) {
    return (device & 0xff) | ((device >>> 12) & 0xffffff00L);
  }

  /** The device that a file names which holds {@code MAJOR:MINOR}. */
  static Optional<StorageIdentity> numbered(Path file) {
    String[] numbers = read(file).split(":", -1);
    if (numbers.length != 2) {
      return Optional.empty();
    }
    long device = device(Long.parseLong(numbers[0].strip()), Long.parseLong(numbers[1].strip()));
    return Optional.of(new StorageIdentity(true, 0, device));
  }

  static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return "";
    }
  }

  /** What a directory holds; nothing if there is none. */
  static List<Path> list(Path directory) {
    List<Path> entries = new ArrayList<>();
    if (Files.isDirectory(directory)) {
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
        stream.forEach(entries::add);
      } catch (IOException e) {
        return entries;
      }
    }
    return entries;
  }
}
