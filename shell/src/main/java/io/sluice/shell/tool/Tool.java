package io.sluice.shell.tool;

import java.io.IOException;
import java.util.List;

/** A family of commands, as a client starts it. Called from many threads at once. */
@FunctionalInterface
public interface Tool {
  /**
   * Runs one command to its end.
   *
   * @param session who asks, and where the output goes
   * @param arguments what follows the program's name
   * @return the exit code
   * @throws IOException if the client can't be written to any more
   */
  int run(Session session, List<String> arguments) throws IOException;
}
