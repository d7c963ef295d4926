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

  /** Constants in lower case, in the order of the alphabet. */
  static String lower(Collection<? extends Enum<?>> constants) {
    return constants.stream().map(Words::lower).sorted().collect(Collectors.joining(", "));
  }
}
