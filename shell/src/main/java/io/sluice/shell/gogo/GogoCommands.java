package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import io.sluice.shell.command.Answer;
import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.tool.Session;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.felix.service.command.CommandProcessor;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/**
 * Publishes the commands to Gogo, a service for each scope. What they return is the same data as
 * everywhere; Gogo prints it, and pipes it, as a table.
 */
public final class GogoCommands implements AutoCloseable {
  /** The session variable that holds the caller, where a session of the control socket made it. */
  static final String CALLER = ".sluice.caller";

  private final SluiceTool tool;
  private final List<ServiceRegistration<?>> registrations = new ArrayList<>();

  /** Publishes the commands. */
  public GogoCommands(SluiceTool tool, BundleContext context) {
    this.tool = tool;
    publish(context, "device", new DeviceScope(this), "add", "list", "info", "remove");
    publish(context, "filter", new FilterScope(this), "list", "attach", "detach", "ctl", "chain");
    publish(
        context,
        "snapshot",
        new SnapshotScope(this),
        "create",
        "add",
        "take",
        "info",
        "list",
        "waitevent",
        "destroy");
    // A method's name can't have the hyphen that the command's name has everywhere else.
    Function waitEvent = (session, words) -> run(session, "snapshot wait-event", words.toArray());
    publish(context, "snapshot", waitEvent, "wait-event");
    publish(context, "store", new StoreScope(this), "list", "add", "move");
    publish(context, "cbt", new CbtScope(this), "info", "map", "explain", "dirty");
    publish(
        context,
        "export",
        new ExportScope(this),
        "nbd",
        "fuse",
        "loop",
        "list",
        "set",
        "allow",
        "remove");
    publish(
        context,
        "backup",
        new BackupScope(this),
        "full",
        "incremental",
        "restore",
        "verify",
        "list");
    publish(
        context,
        "bundle",
        new BundleScope(this),
        "list",
        "stop",
        "start",
        "update",
        "install",
        "uninstall");
    publish(context, "sluice", new SluiceScope(this), "stats", "version", "shutdown", "help");
    publish(context, "text", new TextScope(), "grep", "head", "echo");
  }

  private void publish(BundleContext context, String scope, Object commands, String... functions) {
    Map<String, Object> properties =
        Map.of(CommandProcessor.COMMAND_SCOPE, scope, CommandProcessor.COMMAND_FUNCTION, functions);
    registrations.add(
        context.registerService(
            Object.class.getName(), commands, FrameworkUtil.asDictionary(properties)));
  }

  /** Withdraws the commands. */
  @Override
  public void close() {
    registrations.forEach(ServiceRegistration::unregister);
    registrations.clear();
  }

  /** Runs a command, named by its words, with the arguments as Gogo made them. */
  Answer run(CommandSession gogo, String command, Object... arguments) throws ErrnoException {
    List<String> words = new ArrayList<>(List.of(command.split(" ")));
    for (Object argument : arguments) {
      words.add(String.valueOf(argument));
    }
    Object caller = gogo.get(CALLER);
    if (caller instanceof Session session) {
      return tool.evaluate(session, words);
    }
    PrintStream out = new PrintStream(OutputStream.nullOutputStream(), false);
    Session session = new Session(gogo.currentDir().toAbsolutePath(), 0, out, out, null);
    try {
      return tool.evaluate(session, words);
    } finally {
      session.answered();
    }
  }
}
