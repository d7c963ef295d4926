package io.sluice.block;

import java.util.Locale;
import java.util.Optional;

/**
 * The error numbers that Sluice reports, under their Linux names and values. Callers branch on the
 * constant; people read the name at the start of each message.
 */
public enum Errno {
  EPERM(1, "operation not permitted"),
  ENOENT(2, "no such object"),
  ESRCH(3, "no such snapshot"),
  EINTR(4, "interrupted"),
  EIO(5, "input/output error"),
  EAGAIN(11, "temporarily unavailable"),
  ENOMEM(12, "out of memory"),
  EACCES(13, "permission denied"),
  EFAULT(14, "bad state"),
  EBUSY(16, "in use"),
  EEXIST(17, "exists already"),
  ENODEV(19, "no such device"),
  ENOTDIR(20, "not a directory"),
  EISDIR(21, "is a directory"),
  EINVAL(22, "invalid argument"),
  EMFILE(24, "too many open files"),
  ENOTTY(25, "unknown control command"),
  EFBIG(27, "file too large"),
  ENOSPC(28, "no space left"),
  EROFS(30, "read-only"),
  ENODATA(61, "no data available"),
  ETIME(62, "timer expired"),
  EOVERFLOW(75, "value too large"),
  ENOTSUP(95, "operation not supported"),
  EADDRINUSE(98, "address in use"),
  ESHUTDOWN(108, "shut down"),
  ETIMEDOUT(110, "timed out"),
  EALREADY(114, "already done"),
  EDQUOT(122, "quota exceeded"),
  ECANCELED(125, "canceled");

  private final int number;
  private final String meaning;

  Errno(int number, String meaning) {
    this.number = number;
    this.meaning = meaning;
  }

  /** The Linux error number, positive. */
  public int number() {
    return number;
  }

  /** What the error says in a few lower-case words, for a message that has nothing better. */
  public String meaning() {
    return meaning;
  }

  /** The constant of a positive Linux error number, or {@link #EIO} for one that is not listed. */
  public static Errno ofNumber(int number) {
    for (Errno errno : values()) {
      if (errno.number == number) {
        return errno;
      }
    }
    return EIO;
  }

  /** The constant of a name such as {@code "ENOSPC"}, in either case. */
  public static Optional<Errno> ofName(String name) {
    String wanted = name.toUpperCase(Locale.ROOT);
    for (Errno errno : values()) {
      if (errno.name().equals(wanted)) {
        return Optional.of(errno);
      }
    }
    return Optional.empty();
  }
}
