package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code filter}. */
public final class FilterScope {
  private final GogoCommands commands;

  FilterScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code filter:list}. */
  @Descriptor("List the registered filters: [-v]")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "filter list", (Object[]) arguments);
  }

  /** {@code filter:attach}. */
  @Descriptor(
      "Attach a filter: DEV FILTER [--altitude N] [--on-error fail|bypass]"
          + " [--call-limit DURATION] [key=value ...]")
  public Object attach(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "filter attach", (Object[]) arguments);
  }

  /** {@code filter:detach}. */
  @Descriptor("Detach a filter: DEV FILTER")
  public Object detach(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "filter detach", (Object[]) arguments);
  }

  /** {@code filter:ctl}. */
  @Descriptor("Hand a command to an attached filter: DEV FILTER CMD [ARG ...]")
  public Object ctl(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "filter ctl", (Object[]) arguments);
  }

  /** {@code filter:chain}. */
  @Descriptor("Show a device's filters: DEV")
  public Object chain(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "filter chain", (Object[]) arguments);
  }
}
