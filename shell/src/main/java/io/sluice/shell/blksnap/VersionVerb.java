package io.sluice.shell.blksnap;

import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import java.io.IOException;
import java.util.Map;

/** {@code version}: the version of the module whose interface this is. */
final class VersionVerb extends BlksnapCommand {
  private static final String MODULE_VERSION = "2.0.0.0";

  VersionVerb() {
    super("version", "Print module version.");
    json();
  }

  @Override
  void run(Call call) throws Unfit, IOException {
    if (call.json()) {
      call.printJson(Map.of("version", MODULE_VERSION));
    } else {
      call.print(MODULE_VERSION);
    }
  }
}
