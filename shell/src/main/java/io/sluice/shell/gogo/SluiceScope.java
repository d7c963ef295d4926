package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code sluice}. */
public final class SluiceScope {
  private final GogoCommands commands;

  SluiceScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code sluice:stats}. */
  @Descriptor("Show what devices have done: [DEV]")
  public Object stats(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "stats", (Object[]) arguments);
  }

  /** {@code sluice:version}. */
  @Descriptor("Print what is running")
  public Object version(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "version", (Object[]) arguments);
  }

  /** {@code sluice:shutdown}. */
  @Descriptor("Stop the agent in order")
  public Object shutdown(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "shutdown", (Object[]) arguments);
  }

  /** {@code sluice:help}. */
  @Descriptor("Show the commands, or the usage of one: [COMMAND ...]")
  public Object help(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "help", (Object[]) arguments);
  }
}
