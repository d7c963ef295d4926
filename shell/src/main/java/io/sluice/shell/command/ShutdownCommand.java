package io.sluice.shell.command;

import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import picocli.CommandLine.Command;

/** {@code shutdown}: stops the agent in order, after the answer is on its way. */
@Command(
    name = "shutdown",
    description = "Stop the agent in order: exports drain, snapshots and filters detach.")
final class ShutdownCommand extends AgentCommand {
  private static final System.Logger LOG = System.getLogger("io.sluice.shell");

  @Override
  Answer run() throws Exception {
    Bundle system = services().framework().getBundle();
    session().afterAnswer(() -> stop(system));
    return Answer.none();
  }

  /** Returns at once: the framework stops in a thread of its own. */
  private static void stop(Bundle system) {
    try {
      system.stop();
    } catch (BundleException e) {
      LOG.log(System.Logger.Level.ERROR, "shutdown: the framework does not stop", e);
    }
  }
}
