package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.osgi.framework.BundleException;

/** Turns whatever a command throws into the one failure users know: an errno and a sentence. */
public final class Failures {
  private static final System.Logger LOG = System.getLogger("io.sluice.shell");

  private Failures() {}

  /**
   * The failure as an errno; a fault of our own is logged with its stack and reported as EFAULT.
   */
  public static ErrnoException of(Throwable failure) {
    if (failure instanceof ErrnoException known) {
      return known;
    }
    if (failure instanceof BundleException bundle) {
      return ofBundle(bundle);
    }
    if (failure instanceof NoSuchFileException) {
      return new ErrnoException(Errno.ENOENT, text(failure) + ": no such file", failure);
    }
    if (failure instanceof AccessDeniedException) {
      return new ErrnoException(Errno.EACCES, text(failure) + ": permission denied", failure);
    }
    if (failure instanceof IOException) {
      return new ErrnoException(Errno.EIO, text(failure), failure);
    }
    LOG.log(System.Logger.Level.ERROR, "a command failed in a way it should not", failure);
    return new ErrnoException(
        Errno.EFAULT, "internal error, see the agent's log: " + failure, failure);
  }

  private static ErrnoException ofBundle(BundleException failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof ErrnoException known) {
        return known;
      }
    }
    String text = text(failure);
    int colon = text.indexOf(": ");
    Errno named = colon < 0 ? null : Errno.ofName(text.substring(0, colon)).orElse(null);
    if (named != null) {
      return new ErrnoException(named, text.substring(colon + 2), failure);
    }
    Errno errno =
        switch (failure.getType()) {
          case BundleException.DUPLICATE_BUNDLE_ERROR -> Errno.EEXIST;
          case BundleException.READ_ERROR -> Errno.EIO;
          case BundleException.SECURITY_ERROR -> Errno.EPERM;
          case BundleException.REJECTED_BY_HOOK, BundleException.STATECHANGE_ERROR -> Errno.EBUSY;
          case BundleException.ACTIVATOR_ERROR -> Errno.EFAULT;
          default -> Errno.EINVAL;
        };
    Throwable cause = failure.getCause();
    return new ErrnoException(errno, cause == null ? text : text + ": " + text(cause), failure);
  }

  private static String text(Throwable failure) {
    return failure.getMessage() == null ? failure.toString() : failure.getMessage();
  }

  /** The text on one line: breaks and control characters become blanks. */
  public static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      line.append(Character.isISOControl(c) ? ' ' : c);
    }
    return line.toString().strip();
  }
}
