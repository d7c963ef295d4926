package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code backup}. */
public final class BackupScope {
  private final GogoCommands commands;

  BackupScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code backup:full}. */
  @Descriptor("Back devices up whole, at one instant: DEV ... DIRECTORY [--format raw]")
  public Object full(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "backup full", (Object[]) arguments);
  }

  /** {@code backup:incremental}. */
  @Descriptor("Back up what has changed since the last backup: DEV ... DIRECTORY")
  public Object incremental(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "backup incremental", (Object[]) arguments);
  }

  /** {@code backup:restore}. */
  @Descriptor("Bring a device back: DIRECTORY FILE or DIRECTORY --onto DEV [--point N]")
  public Object restore(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "backup restore", (Object[]) arguments);
  }

  /** {@code backup:verify}. */
  @Descriptor("Check the files of a directory of backups: DIRECTORY")
  public Object verify(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "backup verify", (Object[]) arguments);
  }

  /** {@code backup:list}. */
  @Descriptor("List the points of a directory of backups: DIRECTORY")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "backup list", (Object[]) arguments);
  }
}
