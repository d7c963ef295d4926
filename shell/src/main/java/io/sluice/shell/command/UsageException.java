package io.sluice.shell.command;

/** The arguments make no command; the message is one line that says why and where to look. */
public final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageException(String line) {
    super(line);
  }
}
