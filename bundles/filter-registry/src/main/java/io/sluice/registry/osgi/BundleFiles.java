package io.sluice.registry.osgi;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.Enumeration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;

/**
 * What a bundle is replaced by, and what it is now, as files of our own: nothing is read from
 * elsewhere while bios wait, and the old content is at hand if the new one does not start.
 *
 * @param fresh the new jar
 * @param old a jar of what runs now
 */
record BundleFiles(File fresh, File old) {
  /** The most bytes of a bundle's jar. */
  static final long JAR_MAX_BYTES = 256L << 20;

  /** Makes the names of files unique: several swaps may be asked for at once. */
  private static final AtomicLong COUNT = new AtomicLong();

  private static final String MANIFEST = JarFile.MANIFEST_NAME;

  /**
   * Copies both.
   *
   * @param content the new jar, or null for the place that the bundle was installed from
   * @throws ErrnoException EINVAL if it is no bundle, or another one; EFBIG; EIO if it can't be
   *     read
   */
  static BundleFiles stage(BundleContext context, Bundle bundle, InputStream content)
      throws ErrnoException {
    String task = "bundle update " + bundle.getSymbolicName();
    long number = COUNT.incrementAndGet();
    File fresh = file(context, "swap-" + number + "-new.jar", task);
    File old = file(context, "swap-" + number + "-old.jar", task);
    BundleFiles files = new BundleFiles(fresh, old);
    try {
      if (content != null) {
        files.keep(content, task);
      } else {
        try (InputStream in = location(bundle, task).openStream()) {
          files.keep(in, task);
        }
      }
      files.checkName(bundle, task);
      files.copy(bundle);
      return files;
    } catch (ErrnoException e) {
      files.delete();
      throw e;
    } catch (IOException e) {
      files.delete();
      throw new ErrnoException(Errno.EIO, task + ": " + e, e);
    }
  }

  private static File file(BundleContext context, String name, String task) throws ErrnoException {
    File file = context.getDataFile(name);
    if (file == null) {
      throw new ErrnoException(Errno.ENOTSUP, task + ": the framework has no place for files");
    }
    return file;
  }

  @SuppressWarnings("deprecation") // The constructor that replaces it does not know "reference:".
  private static URL location(Bundle bundle, String task) throws ErrnoException {
    String given = bundle.getHeaders("").get(Constants.BUNDLE_UPDATELOCATION);
    String location = given == null ? bundle.getLocation() : given;
    try {
      return new URL(location.replaceFirst("^reference:", ""));
    } catch (IOException e) {
      throw new ErrnoException(
          Errno.EINVAL, task + ": it is from \"" + location + "\"; say where its new jar is", e);
    }
  }

  private void keep(InputStream content, String task) throws IOException {
    try (InputStream head = new LimitedStream(content)) {
      Files.copy(head, fresh.toPath(), StandardCopyOption.REPLACE_EXISTING);
    } catch (TooLong e) {
      throw new ErrnoException(
          Errno.EFBIG, task + ": the new jar has more than " + JAR_MAX_BYTES + " bytes", e);
    }
  }

  private static final class TooLong extends IOException {
    private static final long serialVersionUID = 1L;
  }

  /** Fails when more than a bundle comes. Does not close what it reads from. */
  private static final class LimitedStream extends InputStream {
    private final InputStream in;
    private long leftBytes = JAR_MAX_BYTES;

    LimitedStream(InputStream in) {
      this.in = in;
    }

    @Override
    public int read() throws IOException {
      return count(in.read(), 1);
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int got = in.read(bytes, offset, length);
      return count(got, got);
    }

    private int count(int result, int bytes) throws TooLong {
      if (result >= 0) {
        leftBytes -= bytes;
        if (leftBytes < 0) {
          throw new TooLong();
        }
      }
      return result;
    }
  }

  private void checkName(Bundle bundle, String task) throws ErrnoException {
    String name;
    try (JarFile jar = new JarFile(fresh)) {
      Manifest manifest = jar.getManifest();
      name =
          manifest == null
              ? null
              : manifest.getMainAttributes().getValue(Constants.BUNDLE_SYMBOLICNAME);
    } catch (IOException | SecurityException e) {
      throw new ErrnoException(Errno.EINVAL, task + ": the new content is no jar: " + e, e);
    }
    if (name == null) {
      throw new ErrnoException(Errno.EINVAL, task + ": the new content is a jar, but no bundle");
    }
    String plain = name.replaceFirst(";.*", "").strip();
    if (!plain.equals(bundle.getSymbolicName())) {
      throw new ErrnoException(
          Errno.EINVAL, task + ": the new content is another bundle, " + plain + ": install it");
    }
  }

  /** Makes a jar of a bundle's entries. */
  private void copy(Bundle bundle) throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(old.toPath()));
        JarOutputStream jar = new JarOutputStream(out)) {
      // First, where readers of a stream look for it.
      copyEntry(bundle, MANIFEST, jar);
      copyBelow(bundle, "/", jar);
    }
  }

  private static void copyBelow(Bundle bundle, String directory, JarOutputStream jar)
      throws IOException {
    Enumeration<String> paths = bundle.getEntryPaths(directory);
    for (String path : paths == null ? Collections.<String>emptyList() : Collections.list(paths)) {
      if (path.endsWith("/")) {
        copyBelow(bundle, path, jar);
      } else if (!path.equals(MANIFEST)) {
        copyEntry(bundle, path, jar);
      }
    }
  }

  private static void copyEntry(Bundle bundle, String path, JarOutputStream jar)
      throws IOException {
    URL entry = bundle.getEntry(path);
    if (entry != null) {
      jar.putNextEntry(new JarEntry(path));
      try (InputStream in = entry.openStream()) {
        in.transferTo(jar);
      }
      jar.closeEntry();
    }
  }

  void delete() {
    for (File file : new File[] {fresh, old}) {
      if (!file.delete()) {
        file.deleteOnExit();
      }
    }
  }
}
