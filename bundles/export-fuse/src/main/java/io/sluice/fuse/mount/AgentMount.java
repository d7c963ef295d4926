package io.sluice.fuse.mount;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.tree.FileTree;
import io.sluice.linux.SystemErrors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Where the agent's own mount is: {@code fuse} in the run directory, with symbolic links to its two
 * directories beside it.
 */
final class AgentMount {
  private static final String DIRECTORY = "fuse";
  private static final List<String> LINKS =
      List.of(FileTree.LIVE_DIRECTORY, FileTree.IMAGE_DIRECTORY);

  private AgentMount() {}

  /**
   * Makes the directory to mount on, and the links.
   *
   * @throws ErrnoException EEXIST if something else has a link's name; what the file system reports
   */
  static Path prepare(Path runDirectory) throws ErrnoException {
    try {
      Path directory = runDirectory.resolve(DIRECTORY);
      Files.createDirectories(
          directory,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      for (String name : LINKS) {
        link(runDirectory.resolve(name), Path.of(DIRECTORY, name));
      }
      return directory.toRealPath();
    } catch (IOException e) {
      throw SystemErrors.failure(e, "prepare the mount in " + runDirectory);
    }
  }

  private static void link(Path link, Path target) throws IOException {
    if (Files.isSymbolicLink(link)) {
      Files.delete(link);
    } else if (Files.exists(link, LinkOption.NOFOLLOW_LINKS)) {
      throw new ErrnoException(
          Errno.EEXIST, link + " is in the way of the FUSE mount's link; move it elsewhere");
    }
    Files.createSymbolicLink(link, target);
  }

  /** The path by which people know a file, through the links. */
  static Path path(Path runDirectory, String directory, String name) {
    return runDirectory.resolve(directory).resolve(name);
  }

  /** Removes the links and the directory, once nothing is mounted there. */
  static void tidy(Path runDirectory) {
    try {
      for (String name : LINKS) {
        Path link = runDirectory.resolve(name);
        if (Files.isSymbolicLink(link)) {
          Files.delete(link);
        }
      }
      Files.deleteIfExists(runDirectory.resolve(DIRECTORY));
    } catch (IOException e) {
      // The next start uses what is left.
    }
  }
}
