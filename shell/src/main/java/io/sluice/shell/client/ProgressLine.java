package io.sluice.shell.client;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;

/** How far long work has come, on one line of a terminal that is written over and over. */
final class ProgressLine {
  private static final String ERASE = "\r\u001b[K";

  private final PrintStream err;
  private final BooleanSupplier terminal;
  private boolean shown;

  /**
   * @param err standard error
   * @param terminal whether that is a terminal; asked when there is something to show
   */
  ProgressLine(PrintStream err, BooleanSupplier terminal) {
    this.err = err;
    this.terminal = terminal;
  }

  /** Whether a descriptor of this process is a terminal; System.console() wants several to be. */
  static boolean isTerminal(int descriptor) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false;
    }
  }

  void show(String text) {
    if (shown || terminal.getAsBoolean()) {
      shown = true;
      err.print(ERASE + text);
      err.flush();
    }
  }

  /** Before anything else is printed. */
  void erase() {
    if (shown) {
      shown = false;
      err.print(ERASE);
      err.flush();
    }
  }
}
