package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code bundle}. */
public final class BundleScope {
  private final GogoCommands commands;

  BundleScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code bundle:list}. */
  @Descriptor("List the agent's bundles")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle list", (Object[]) arguments);
  }

  /** {@code bundle:stop}. */
  @Descriptor("Stop a bundle: BUNDLE")
  public Object stop(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle stop", (Object[]) arguments);
  }

  /** {@code bundle:start}. */
  @Descriptor("Start a bundle: BUNDLE")
  public Object start(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle start", (Object[]) arguments);
  }

  /** {@code bundle:update}. */
  @Descriptor("Replace a bundle by a new version: BUNDLE [PATH|URL]")
  public Object update(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle update", (Object[]) arguments);
  }

  /** {@code bundle:install}. */
  @Descriptor("Install a bundle: PATH|URL [--start]")
  public Object install(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle install", (Object[]) arguments);
  }

  /** {@code bundle:uninstall}. */
  @Descriptor("Remove a bundle: BUNDLE")
  public Object uninstall(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "bundle uninstall", (Object[]) arguments);
  }
}
