package io.sluice.shell;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Catches what a command prints. */
public final class Output {
  private final ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
  private final ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
  public final PrintStream out = new PrintStream(outBytes, true, StandardCharsets.UTF_8);
  public final PrintStream err = new PrintStream(errBytes, true, StandardCharsets.UTF_8);

  /** Standard output so far. */
  public String text() {
    return outBytes.toString(StandardCharsets.UTF_8);
  }

  /** Standard error so far. */
  public String error() {
    return errBytes.toString(StandardCharsets.UTF_8);
  }
}
