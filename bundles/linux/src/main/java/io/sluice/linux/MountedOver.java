package io.sluice.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The file systems that are mounted over files, through loop devices and what is made of these:
 * partitions, device mapper, RAID. By /proc and /sys alone: never asks the files' own file systems,
 * whose servers may answer no more.
 */
public final class MountedOver {
  /** Deeper stacks than this are not followed to their end. */
  static final int DEPTH_MAX = 16;

  private final Set<Long> loops = new HashSet<>();

  private MountedOver(Collection<Path> files) {
    for (LoopDevices.Attached attached : LoopDevices.list()) {
      if (files.contains(attached.backingFile())) {
        loops.add(attached.device());
      }
    }
  }

  /**
   * Finds them.
   *
   * @param files real paths, as the kernel has them
   * @return of each file system all mount points, in the order they were mounted
   */
  public static List<List<Path>> of(Collection<Path> files) {
    MountedOver over = new MountedOver(files);
    List<List<Path>> found = new ArrayList<>();
    if (!over.loops.isEmpty()) {
      for (Map.Entry<Long, List<Path>> mounted : MountTable.byDevice().entrySet()) {
        if (over.carries(mounted.getKey(), 0)) {
          found.add(mounted.getValue());
        }
      }
    }
    return found;
  }

  /**
   * A file's path as the kernel names it: the links on its way are followed, but neither the file
   * itself nor a directory that is a link is looked at. They may be served by this very process.
   *
   * @throws IOException if a part of the way is missing
   */
  public static Path kernelPath(Path file) throws IOException {
    Path directory = file.getParent();
    if (directory == null || directory.getParent() == null) {
      return file;
    }
    Path around = directory.getParent().toRealPath();
    Path real = around.resolve(directory.getFileName());
    if (Files.isSymbolicLink(real)) {
      real = around.resolve(Files.readSymbolicLink(real)).normalize();
    }
    return real.resolve(file.getFileName());
  }

  private boolean carries(long device, int depth) {
    if (loops.contains(device)) {
      return true;
    }
    Path directory = BlockSysfs.directory(device);
    List<Path> below = new ArrayList<>();
    below.add(directory.resolve("../dev")); // a partition's disk is one directory up
    BlockSysfs.list(directory.resolve("slaves")).forEach(slave -> below.add(slave.resolve("dev")));
    return depth < DEPTH_MAX
        && below.stream()
            .flatMap(file -> BlockSysfs.numbered(file).stream())
            .anyMatch(identity -> carries(identity.inode(), depth + 1));
  }
}
