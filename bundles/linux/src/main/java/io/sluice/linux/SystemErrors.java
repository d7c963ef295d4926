package io.sluice.linux;

import com.sun.jna.Pointer;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.HashMap;
import java.util.Map;

/** Turns what the kernel and the JDK report into {@link ErrnoException}s. Thread-safe. */
public final class SystemErrors {
  /** File names and error texts are in the locale's encoding, which need not be the default one. */
  public static final Charset NATIVE_CHARSET = nativeCharset();

  /**
   * The JDK reports errno only as strerror's text, in the language of the process. So the texts are
   * asked for, never spelled out.
   */
  private static final Map<String, Errno> BY_TEXT = byText();

  private SystemErrors() {}

  /**
   * A failed call.
   *
   * @param number the positive errno
   * @param what the operation and its object, such as {@code "fallocate of 4096 bytes on /f"}
   */
  public static ErrnoException failure(int number, String what) {
    return new ErrnoException(Errno.ofNumber(number), what + ": " + text(number));
  }

  /**
   * A failure of the JDK's file I/O.
   *
   * @param what the operation and its object
   * @return {@code failure} itself if it is an {@link ErrnoException}
   */
  public static ErrnoException failure(IOException failure, String what) {
    if (failure instanceof ErrnoException known) {
      return known;
    }
    return new ErrnoException(errno(failure), what + ": " + reason(failure), failure);
  }

  /** The errno behind a failure of the JDK's file I/O; EIO if it can't be told. */
  public static Errno errno(IOException failure) {
    if (failure instanceof ErrnoException known) {
      return known.errno();
    }
    if (failure instanceof NoSuchFileException) {
      return Errno.ENOENT;
    }
    if (failure instanceof AccessDeniedException) {
      return Errno.EACCES;
    }
    if (failure instanceof FileAlreadyExistsException) {
      return Errno.EEXIST;
    }
    if (failure instanceof NotDirectoryException) {
      return Errno.ENOTDIR;
    }
    return BY_TEXT.getOrDefault(reason(failure), Errno.EIO);
  }

  /** strerror's text. */
  static String text(int number) {
    Pointer text = Libc.strerror(number);
    return text == null ? "error " + number : text.getString(0, NATIVE_CHARSET.name());
  }

  private static String reason(IOException failure) {
    if (failure instanceof NoSuchFileException) {
      return text(Errno.ENOENT.number());
    }
    if (failure instanceof AccessDeniedException) {
      return text(Errno.EACCES.number());
    }
    if (failure instanceof FileSystemException system && system.getReason() != null) {
      return system.getReason();
    }
    return failure.getMessage() == null ? failure.toString() : failure.getMessage();
  }

  private static Map<String, Errno> byText() {
    Map<String, Errno> map = new HashMap<>();
    for (Errno errno : Errno.values()) {
      map.put(text(errno.number()), errno);
    }
    return Map.copyOf(map);
  }

  private static Charset nativeCharset() {
    String name = System.getProperty("sun.jnu.encoding");
    return name == null ? Charset.defaultCharset() : Charset.forName(name);
  }
}
