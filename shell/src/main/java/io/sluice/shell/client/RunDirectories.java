package io.sluice.shell.client;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Where the agent's run directory is, if the command line does not say. */
final class RunDirectories {
  private RunDirectories() {}

  /**
   * {@code SLUICE_RUN}; else {@code /run/sluice} for root; else {@code $XDG_RUNTIME_DIR/sluice}.
   *
   * @throws IOException if none of them is known
   */
  static Path byDefault(Map<String, String> environment) throws IOException {
    String named = environment.get("SLUICE_RUN");
    if (named != null && !named.isEmpty()) {
      return Path.of(named);
    }
    Object uid = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    if (Integer.valueOf(0).equals(uid)) {
      return Path.of("/run/sluice");
    }
    String runtime = environment.get("XDG_RUNTIME_DIR");
    return Path.of(runtime == null || runtime.isEmpty() ? "/run/user/" + uid : runtime, "sluice");
  }
}
