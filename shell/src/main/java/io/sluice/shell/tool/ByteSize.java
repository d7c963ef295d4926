package io.sluice.shell.tool;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.Locale;

/**
 * A size as users write it: plain bytes, or a number with K, M, G or T (of 1024), in either case.
 *
 * @param bytes the size in bytes, 0 or more
 */
public record ByteSize(long bytes) {
  private static final String SUFFIXES = "KMGT";

  /**
   * @throws ErrnoException EINVAL for anything else, EOVERFLOW for more than 2^63-1 bytes
   */
  public static ByteSize parse(String text) throws ErrnoException {
    int digits = 0;
    while (digits < text.length() && isDigit(text.charAt(digits))) {
      digits++;
    }
    String suffix = text.substring(digits).toUpperCase(Locale.ROOT);
    int power = suffix.isEmpty() ? 0 : SUFFIXES.indexOf(suffix) + 1;
    if (digits == 0 || suffix.length() > 1 || (power == 0 && !suffix.isEmpty())) {
      throw new ErrnoException(
          Errno.EINVAL,
          "size \"" + text + "\": give bytes, or a whole number with K, M, G or T (of 1024)");
    }
    try {
      long number = Long.parseLong(text.substring(0, digits));
      return new ByteSize(Math.multiplyExact(number, 1L << (10 * power)));
    } catch (ArithmeticException | NumberFormatException e) {
      throw new ErrnoException(
          Errno.EOVERFLOW, "size \"" + text + "\": the limit is " + Long.MAX_VALUE + " bytes", e);
    }
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  /**
   * A size for people, with at most one decimal and the unit's letter: {@code 1.5G}; exact below 1
   * K.
   */
  public static String human(long bytes) {
    int power = 0;
    double value = bytes;
    while (value >= 1024 && power < SUFFIXES.length()) {
      value /= 1024;
      power++;
    }
    if (power == 0) {
      return Long.toString(bytes);
    }
    String number = String.format(Locale.ROOT, "%.1f", value);
    return (number.endsWith(".0") ? number.substring(0, number.length() - 2) : number)
        + SUFFIXES.charAt(power - 1);
  }

  /** A size for people, with the exact number behind it: {@code 1.5G (1610612736 bytes)}. */
  public static String exact(long bytes) {
    return bytes < 1024 ? bytes + " bytes" : human(bytes) + " (" + bytes + " bytes)";
  }
}
