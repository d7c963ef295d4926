package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Descriptor;

/** The Gogo scope {@code device}. */
public final class DeviceScope {
  private final GogoCommands commands;

  DeviceScope(GogoCommands commands) {
    this.commands = commands;
  }

  /** {@code device:add}. */
  @Descriptor(
      "Open an origin and publish its live device: NAME PATH [--read-only] [--direct] [--block-size SIZE]")
  public Object add(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "device add", (Object[]) arguments);
  }

  /** {@code device:list}. */
  @Descriptor("List the live devices")
  public Object list(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "device list", (Object[]) arguments);
  }

  /** {@code device:info}. */
  @Descriptor("Show one device: DEV")
  public Object info(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "device info", (Object[]) arguments);
  }

  /** {@code device:remove}. */
  @Descriptor("Withdraw a device: DEV")
  public Object remove(CommandSession session, String[] arguments) throws ErrnoException {
    return commands.run(session, "device remove", (Object[]) arguments);
  }
}
