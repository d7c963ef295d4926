package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code export}. */
public final class ExportScope {
  private final GogoCommands commands;

  ExportScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code export:nbd}. */
  @Descriptor(
      "Serve under one more name: DEVICE-OR-IMAGE [--name N] [--read-only] [--description TEXT]"
          + " [--iops N] [--bandwidth SIZE] [--tls required|allowed] [--allow RULE]")
  public Object nbd(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export nbd", (Object[]) arguments);
  }

  /** {@code export:fuse}. */
  @Descriptor("Show as a file: DEVICE-OR-IMAGE [FILE] [--read-only]")
  public Object fuse(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export fuse", (Object[]) arguments);
  }

  /** {@code export:loop}. */
  @Descriptor("Put a loop device on it: DEVICE-OR-IMAGE [--read-only]")
  public Object loop(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export loop", (Object[]) arguments);
  }

  /** {@code export:list}. */
  @Descriptor("List everything that clients can ask for")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export list", (Object[]) arguments);
  }

  /** {@code export:set}. */
  @Descriptor(
      "Change an export: NAME [--description TEXT] [--iops N] [--bandwidth SIZE]"
          + " [--tls required|allowed] [--allow RULE]")
  public Object set(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export set", (Object[]) arguments);
  }

  /** {@code export:allow}. */
  @Descriptor("Say who is let in to NBD exports at all, or show it: [RULE ...] [--reset]")
  public Object allow(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export allow", (Object[]) arguments);
  }

  /** {@code export:remove}. */
  @Descriptor("Take away a name that was added: NAME [--mode safe|hide|soft|hard]")
  public Object remove(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "export remove", (Object[]) arguments);
  }
}
