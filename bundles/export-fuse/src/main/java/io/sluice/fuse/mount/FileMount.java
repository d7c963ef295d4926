package io.sluice.fuse.mount;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.SystemErrors;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The file that a device is mounted over.
 *
 * @param path absolute, without symbolic links
 * @param made whether it was made for this, and is removed again
 */
record FileMount(Path path, boolean made) {

  /**
   * Finds the file, or makes an empty one.
   *
   * @throws ErrnoException EINVAL if it is no regular file, or not given absolutely; ENOENT, EACCES
   *     and what else the file system reports
   */
  static FileMount prepare(String name) throws ErrnoException {
    Path path = Path.of(name).normalize();
    if (!path.isAbsolute() || path.getFileName() == null) {
      throw new ErrnoException(
          Errno.EINVAL, "export to " + name + ": give the absolute path of a file");
    }
    try {
      boolean made = make(path);
      Path real = path.toRealPath();
      if (!Files.isRegularFile(real)) {
        throw new ErrnoException(
            Errno.EINVAL,
            "export to "
                + real
                + ": a device is mounted over a regular file, and this is none; give another one, or"
                + " a name that is free");
      }
      return new FileMount(real, made);
    } catch (IOException e) {
      throw SystemErrors.failure(e, "export to " + path);
    }
  }

  private static boolean make(Path path) throws IOException {
    try {
      Files.createFile(
          path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }

  /** Removes the file if it was made for this and is still empty. */
  void tidy() {
    try {
      if (made && Files.size(path) == 0) {
        Files.delete(path);
      }
    } catch (IOException e) {
      // It is an empty file in somebody's directory; there it stays.
    }
  }
}
