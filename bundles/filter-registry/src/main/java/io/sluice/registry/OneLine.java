package io.sluice.registry;

/** Foreign text made fit for a message of one line. */
final class OneLine {
  private static final int WORD_MAX_CHARS = 80;
  private static final int FAULT_MAX_CHARS = 300;

  private OneLine() {}

  /** A name or path that somebody gave: shortened, without control characters. */
  static String of(String word) {
    return word == null ? "" : clean(word, WORD_MAX_CHARS);
  }

  /**
   * A fault's class and message. Never throws: to describe a fault runs foreign code once more, and
   * memory or stack may be short, but the quarantine must not fail for want of words.
   */
  static String of(Throwable fault) {
    try {
      return clean(fault.toString(), FAULT_MAX_CHARS);
    } catch (Throwable second) {
      return fault.getClass().getName();
    }
  }

  /** Somebody's sentence. */
  static String ofText(String text) {
    return clean(text, FAULT_MAX_CHARS);
  }

  private static String clean(String text, int maxChars) {
    int shownCount = Math.min(text.length(), maxChars);
    StringBuilder clean = new StringBuilder(shownCount + 3);
    for (int i = 0; i < shownCount; i++) {
      char c = text.charAt(i);
      clean.append(Character.isISOControl(c) ? '?' : c);
    }
    return clean.append(text.length() > shownCount ? "..." : "").toString();
  }
}
