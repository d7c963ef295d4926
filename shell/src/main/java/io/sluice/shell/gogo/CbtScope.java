package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code cbt}. */
public final class CbtScope {
  private final GogoCommands commands;

  CbtScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code cbt:info}. */
  @Descriptor("Show a device's change tracking: DEV")
  public Object info(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "cbt info", (Object[]) arguments);
  }

  /** {@code cbt:map}. */
  @Descriptor("List what has changed: DEV [--since GENERATION:NUMBER]")
  public Object map(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "cbt map", (Object[]) arguments);
  }

  /** {@code cbt:explain}. */
  @Descriptor("Say where the changes are: DEV [--since GENERATION:NUMBER] [--top N]")
  public Object explain(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "cbt explain", (Object[]) arguments);
  }

  /** {@code cbt:dirty}. */
  @Descriptor("Mark ranges as changed: DEV SECTOR:COUNT ...")
  public Object dirty(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "cbt dirty", (Object[]) arguments);
  }
}
