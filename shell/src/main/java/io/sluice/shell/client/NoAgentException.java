package io.sluice.shell.client;

import java.io.IOException;
import java.nio.file.Path;

/** No agent serves the run directory. */
final class NoAgentException extends IOException {
  private static final long serialVersionUID = 1L;

  NoAgentException(Path socket, String why) {
    super(
        "ENOENT: no agent at "
            + socket
            + " ("
            + why
            + "); start one with sluiced, or name its run directory with --run-dir or SLUICE_RUN");
  }
}
