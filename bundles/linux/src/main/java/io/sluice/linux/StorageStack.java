package io.sluice.linux;

import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a file's bytes end up on: the device of its file system, the disk that this is a partition
 * of, the devices below a device mapper or RAID device, the file behind a loop device, and so on
 * down. As far as /proc and /sys tell; never fails, may know less than there is.
 */
public final class StorageStack {
  /** Deeper or wider stacks than this are not followed to their end. */
  static final int IDENTITIES_MAX = 256;

  private final Set<StorageIdentity> found = new LinkedHashSet<>();

  private StorageStack() {}

  /**
   * The file itself first, then everything below it.
   *
   * @param file a regular file, or the directory of one without a name, by a real path
   * @param status of the regular file
   */
  public static List<StorageIdentity> of(Path file, FileStatus status) {
    StorageStack stack = new StorageStack();
    stack.addFile(file, status);
    return List.copyOf(stack.found);
  }

  private void addFile(Path file, FileStatus status) {
    if (found.size() >= IDENTITIES_MAX || !found.add(status.identity())) {
      return;
    }
    addDevice(status.fileSystem());
    Path source = MountTable.source(file);
    if (BlockSysfs.major(status.fileSystem()) == 0 && source != null) {
      // btrfs and the like number their file systems apart from the devices they are on.
      addSource(source);
    }
  }

  private void addSource(Path source) {
    try {
      FileStatus status = FileStatus.of(source, "stat " + source);
      if (status.block()) {
        addDevice(status.device());
      }
    } catch (ErrnoException e) {
      // "overlay", "tmpfs" and the like name nothing.
      return;
    }
  }

  private void addDevice(long device) {
    StorageIdentity identity = new StorageIdentity(true, 0, device);
    if (found.size() >= IDENTITIES_MAX || !found.add(identity)) {
      return;
    }
    Path directory = BlockSysfs.directory(device);
    if (Files.exists(directory.resolve("partition"))) {
      addNumbered(directory.resolve("../dev"));
    }
    for (Path below : list(directory.resolve("slaves"))) {
      addNumbered(below.resolve("dev"));
    }
    String backing = BlockSysfs.read(directory.resolve("loop/backing_file"));
    if (!backing.isEmpty()) {
      Path file = Path.of(backing);
      try {
        FileStatus status = FileStatus.of(file, "stat " + file);
        if (status.block()) {
          addDevice(status.device());
        } else {
          addFile(file, status);
        }
      } catch (ErrnoException e) {
        // Deleted, or out of this process's sight: nobody here can name it as an origin either.
        return;
      }
    }
  }

  /** {@code file} holds {@code MAJOR:MINOR}. */
  private void addNumbered(Path file) {
    String[] numbers = BlockSysfs.read(file).split(":", -1);
    if (numbers.length == 2) {
      addDevice(
          BlockSysfs.device(
              Long.parseLong(numbers[0].strip()), Long.parseLong(numbers[1].strip())));
    }
  }

  private static List<Path> list(Path directory) {
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
