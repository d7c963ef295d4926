package io.sluice.registry;

/** How faults of foreign code are written down. */
final class Faults {
  private Faults() {}

  /**
   * Logs a fault and survives it: after an out-of-memory error or a stack overflow the logging
   * itself may fail, and that must not become a fault of the next layer.
   */
  static void log(System.Logger log, System.Logger.Level level, String text, Throwable fault) {
    try {
      log.log(level, text, fault);
    } catch (Throwable ignored) {
      // The caller reports the same text as an error.
    }
  }
}
