package io.sluice.block;

import java.io.IOException;

/**
 * The one checked failure of Sluice: an {@link Errno} to branch on and a sentence to read.
 *
 * <p>The text says what failed, on what, the actual value and the limit where there is one, and
 * what to do. It does not repeat the errno's name, which {@link #getMessage()} puts in front of it,
 * so that {@code sluice: COMMAND: getMessage()} is a whole line.
 */
public final class ErrnoException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Errno errno;

  /**
   * @param errno what to branch on
   * @param text what, on what, and what to do; without the errno's name
   */
  public ErrnoException(Errno errno, String text) {
    super(errno.name() + ": " + text);
    this.errno = errno;
  }

  /** As {@link #ErrnoException(Errno, String)}, keeping the failure that led here. */
  public ErrnoException(Errno errno, String text, Throwable cause) {
    super(errno.name() + ": " + text, cause);
    this.errno = errno;
  }

  /** What to branch on. */
  public Errno errno() {
    return errno;
  }

  /** The sentence without the errno's name in front. */
  public String text() {
    return getMessage().substring(errno.name().length() + 2);
  }
}
