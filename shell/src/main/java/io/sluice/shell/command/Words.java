package io.sluice.shell.command;

import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;

/** Values as words of a sentence. */
final class Words {
  private Words() {}

  /** A constant in lower case, words joined by hyphens. */
  static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** A time of nanoseconds in the unit that suits it. */
  static String time(long nanos) {
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    if (nanos < 1_000_000) {
      return String.format(Locale.ROOT, "%.1fus", nanos / 1e3);
    }
    if (nanos < 1_000_000_000) {
      return String.format(Locale.ROOT, "%.1fms", nanos / 1e6);
    }
    return String.format(Locale.ROOT, "%.1fs", nanos / 1e9);
  }

  /** Constants in lower case, in the order of the alphabet. */
  static String lower(Collection<? extends Enum<?>> constants) {
    return constants.stream().map(Words::lower).sorted().collect(Collectors.joining(", "));
  }
}
