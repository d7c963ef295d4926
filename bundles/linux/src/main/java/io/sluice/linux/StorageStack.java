package io.sluice.linux;

import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What changes when a file or block device is written to. Down: the device of the file's file
 * system, the disk that this is a partition of, the devices below a device mapper or RAID device,
 * the file behind a loop device, and so on. Up: what shows the same bytes under another name, which
 * are the partitions of a disk, the loop devices over it, and what device mapper or RAID makes of
 * it. As far as /proc and /sys tell; never fails, may know less than there is.
 */
public final class StorageStack {
  /** Deeper or wider stacks than this are not followed to their end. */
  static final int IDENTITIES_MAX = 256;

  private final Set<StorageIdentity> found = new LinkedHashSet<>();

  private StorageStack() {}

  /**
   * The file itself first, then everything below it, then what is made of it.
   *
   * @param file a regular file, or the directory of one without a name, by a real path
   * @param status of the regular file
   */
  public static List<StorageIdentity> of(Path file, FileStatus status) {
    StorageStack stack = new StorageStack();
    stack.addFile(file, status);
    stack.addAbove(status.identity());
    return List.copyOf(stack.found);
  }

  /**
   * The device itself first, then everything below it, then what is made of it.
   *
   * @param status of a block special file
   */
  public static List<StorageIdentity> ofDevice(FileStatus status) {
    StorageStack stack = new StorageStack();
    stack.addDevice(status.device());
    stack.addAbove(status.identity());
    return List.copyOf(stack.found);
  }

  /**
   * What shows the bytes of a file or device under another name, and what shows that, and so on.
   */
  private void addAbove(StorageIdentity identity) {
    List<StorageIdentity> next = new ArrayList<>(loopsOver(identity));
    if (identity.block()) {
      Path directory = BlockSysfs.directory(identity.inode());
      for (Path part : BlockSysfs.list(directory)) {
        if (Files.exists(part.resolve("partition"))) {
          BlockSysfs.numbered(part.resolve("dev")).ifPresent(next::add);
        }
      }
      for (Path holder : BlockSysfs.list(directory.resolve("holders"))) {
        BlockSysfs.numbered(holder.resolve("dev")).ifPresent(next::add);
      }
    }
    for (StorageIdentity above : next) {
      if (found.size() < IDENTITIES_MAX && found.add(above)) {
        addAbove(above);
      }
    }
  }

  private static List<StorageIdentity> loopsOver(StorageIdentity identity) {
    List<StorageIdentity> loops = new ArrayList<>();
    for (Path device : BlockSysfs.list(Path.of("/sys/block"))) {
      String backing = BlockSysfs.read(device.resolve("loop/backing_file"));
      if (!backing.isEmpty() && leadsTo(Path.of(backing), identity)) {
        BlockSysfs.numbered(device.resolve("dev")).ifPresent(loops::add);
      }
    }
    return loops;
  }

  private static boolean leadsTo(Path file, StorageIdentity identity) {
    if (!MountTable.mayBe(file, identity)) {
      return false; // to ask further could take for ever: its server may answer no more
    }
    try {
      return FileStatus.of(file, "stat " + file).identity().equals(identity);
    } catch (ErrnoException e) {
      // Deleted, or out of this process's sight.
      return false;
    }
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
    for (Path below : BlockSysfs.list(directory.resolve("slaves"))) {
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

  private void addNumbered(Path file) {
    BlockSysfs.numbered(file).ifPresent(identity -> addDevice(identity.inode()));
  }
}
