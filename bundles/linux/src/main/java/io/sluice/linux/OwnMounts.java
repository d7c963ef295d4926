package io.sluice.linux;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Refuses storage that lies on what this agent itself serves: directly on its FUSE mount, or on a
 * loop device over a file there, or on a file system that is mounted over that. To write there the
 * kernel would wait for the agent, while the agent waits for the kernel.
 *
 * <p>Found by the names in /proc and /sys alone, so it hangs on nobody.
 */
public final class OwnMounts {
  /** Deeper stacks than this are not followed to their end. */
  private static final int DEPTH_MAX = 16;

  private static final String TYPE = "fuse.sluice";

  private final String source;

  /**
   * @param runDirectory the agent's, which its mounts bear as their source; null for no mounts
   */
  public OwnMounts(String runDirectory) {
    this.source = runDirectory == null ? null : "sluice:" + Path.of(runDirectory).toAbsolutePath();
  }

  /** Of a process that serves nothing. */
  public static OwnMounts none() {
    return new OwnMounts(null);
  }

  /**
   * Refuses a file, a directory or a block device that lies on a mount of ours.
   *
   * @param real without symbolic links
   * @param what the operation, in front of the refusal's text
   * @throws ErrnoException EINVAL
   */
  public void check(Path real, FileStatus status, String what) throws ErrnoException {
    if (source != null) {
      check(real, status, MountTable.lines(), what);
    }
  }

  void check(Path real, FileStatus status, List<String> lines, String what) throws ErrnoException {
    Optional<Path> served =
        status.block() ? servedBelow(status.device(), lines, 0) : servedBelow(real, lines, 0);
    if (served.isPresent()) {
      throw new ErrnoException(
          Errno.EINVAL,
          what
              + ": it lies on "
              + served.get()
              + ", which this agent itself serves: each would wait for the other; put it on another"
              + " file system");
    }
  }

  Optional<Path> servedBelow(Path file, List<String> lines, int depth) {
    MountTable.Mount mount = MountTable.mountOf(file, lines);
    if (mount == null) {
      return Optional.empty();
    }
    if (mount.type().equals(TYPE) && mount.source().equals(source)) {
      return Optional.of(file);
    }
    long device = MountTable.blockDevice(mount.device(), mount.source());
    return device == 0 ? Optional.empty() : servedBelow(device, lines, depth + 1);
  }

  private Optional<Path> servedBelow(long device, List<String> lines, int depth) {
    if (depth > DEPTH_MAX) {
      return Optional.empty();
    }
    Path directory = BlockSysfs.directory(device);
    String backing = BlockSysfs.read(directory.resolve("loop/backing_file"));
    if (!backing.isEmpty()) {
      return servedBelow(Path.of(backing), lines, depth + 1);
    }
    Optional<Path> found =
        BlockSysfs.numbered(directory.resolve("../dev")) // a partition's disk
            .flatMap(disk -> servedBelow(disk.inode(), lines, depth + 1));
    for (Path slave : BlockSysfs.list(directory.resolve("slaves"))) {
      if (found.isEmpty()) {
        found =
            BlockSysfs.numbered(slave.resolve("dev"))
                .flatMap(below -> servedBelow(below.inode(), lines, depth + 1));
      }
    }
    return found;
  }
}
