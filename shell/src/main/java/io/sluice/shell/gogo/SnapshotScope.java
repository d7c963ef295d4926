package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code snapshot}. */
public final class SnapshotScope {
  private final GogoCommands commands;

  SnapshotScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code snapshot:create}. */
  @Descriptor(
      "Make a snapshot, not yet taken: [DEV ...] --store KIND:ARG [--limit SIZE] [--chunk-size SIZE] [--name S]")
  public Object create(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot create", (Object[]) arguments);
  }

  /** {@code snapshot:add}. */
  @Descriptor("Add a device to a snapshot: ID DEV")
  public Object add(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot add", (Object[]) arguments);
  }

  /** {@code snapshot:take}. */
  @Descriptor("Cut all devices at one instant: ID, or DEV ... --store KIND:ARG")
  public Object take(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot take", (Object[]) arguments);
  }

  /** {@code snapshot:info}. */
  @Descriptor("Show one snapshot: ID")
  public Object info(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot info", (Object[]) arguments);
  }

  /** {@code snapshot:list}. */
  @Descriptor("List the snapshots")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot list", (Object[]) arguments);
  }

  /** {@code snapshot:waitevent}. */
  @Descriptor("Wait for a snapshot's next event (also wait-event): ID [--timeout MS]")
  public Object waitevent(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot wait-event", (Object[]) arguments);
  }

  /** {@code snapshot:destroy}. */
  @Descriptor("End a snapshot: ID")
  public Object destroy(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "snapshot destroy", (Object[]) arguments);
  }
}
