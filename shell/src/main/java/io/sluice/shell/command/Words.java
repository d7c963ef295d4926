package io.sluice.shell.command;

import java.time.Duration;
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

  /** A duration to whole seconds, in its two largest units: {@code 3h12m}. */
  static String duration(Duration duration) {
    if (duration.toDays() > 0) {
      return duration.toDays() + "d" + duration.toHoursPart() + "h";
    }
    if (duration.toHours() > 0) {
      return duration.toHours() + "h" + duration.toMinutesPart() + "m";
    }
    return duration.toMinutes() > 0
        ? duration.toMinutes() + "m" + duration.toSecondsPart() + "s"
        : duration.toSeconds() + "s";
  }

  /** Constants in lower case, in the order of the alphabet. */
  static String lower(Collection<? extends Enum<?>> constants) {
    return constants.stream().map(Words::lower).sorted().collect(Collectors.joining(", "));
  }
}
