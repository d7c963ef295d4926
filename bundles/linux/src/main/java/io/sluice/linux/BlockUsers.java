package io.sluice.linux;

import io.sluice.block.StorageIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Who keeps a block device from being claimed, as far as /proc and /sys tell. */
public final class BlockUsers {
  private static final Path SWAPS = Path.of("/proc/swaps");

  private final Set<String> users = new LinkedHashSet<>();

  private BlockUsers() {}

  /**
   * The users of a device, of its partitions, and of the disk that it is a part of.
   *
   * @param device st_rdev
   * @return in words, such as {@code "mounted at /home"}; empty if it can't be told, as for a
   *     program that has it open
   */
  public static List<String> of(long device) {
    BlockUsers found = new BlockUsers();
    found.addUsersOf(device, "");
    Path directory = BlockSysfs.directory(device);
    for (Path part : BlockSysfs.list(directory)) {
      if (Files.exists(part.resolve("partition"))) {
        BlockSysfs.numbered(part.resolve("dev"))
            .ifPresent(id -> found.addUsersOf(id.inode(), "its partition " + name(part) + " is "));
      }
    }
    if (Files.exists(directory.resolve("partition"))) {
      BlockSysfs.numbered(directory.resolve("../dev"))
          .ifPresent(id -> found.addUsersOf(id.inode(), "its disk is "));
    }
    return List.copyOf(found.users);
  }

  private void addUsersOf(long device, String whose) {
    for (Path point : MountTable.mountPoints(device)) {
      users.add(whose + "mounted at " + point);
    }
    for (Path holder : BlockSysfs.list(BlockSysfs.directory(device).resolve("holders"))) {
      users.add(whose + "part of " + name(holder));
    }
    if (swapDevices().contains(new StorageIdentity(true, 0, device))) {
      users.add(whose + "in use as swap space");
    }
  }

  private static String name(Path device) {
    return "/dev/" + device.getFileName();
  }

  private static List<StorageIdentity> swapDevices() {
    List<StorageIdentity> devices = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(SWAPS, SystemErrors.NATIVE_CHARSET)) {
        String word = line.split("\\s", 2)[0];
        if (word.startsWith("/")) {
          FileStatus status = FileStatus.of(Path.of(word), "stat " + word);
          devices.add(status.identity());
        }
      }
    } catch (IOException e) {
      // No /proc, or a device that has gone since.
      return devices;
    }
    return devices;
  }
}
