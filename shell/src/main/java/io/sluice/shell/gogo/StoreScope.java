package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code store}. */
public final class StoreScope {
  private final GogoCommands commands;

  StoreScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code store:list}. */
  @Descriptor("List the stores of snapshots, how full they are and how fast they fill: [ID]")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "store list", (Object[]) arguments);
  }

  /** {@code store:add}. */
  @Descriptor("Give a snapshot one more store: ID KIND:ARG [--limit SIZE]")
  public Object add(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "store add", (Object[]) arguments);
  }

  /** {@code store:move}. */
  @Descriptor("Move a snapshot's stores into another: ID KIND:ARG [--limit SIZE]")
  public Object move(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "store move", (Object[]) arguments);
  }
}
