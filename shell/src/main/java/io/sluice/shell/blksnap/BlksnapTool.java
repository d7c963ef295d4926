package io.sluice.shell.blksnap;

import io.sluice.block.ErrnoException;
import io.sluice.shell.blksnap.ProgramOptions.Unfit;
import io.sluice.shell.blksnap.ProgramOptions.Values;
import io.sluice.shell.tool.Failures;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Tool;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The tool {@code blksnap}: the same commands, options, output and exit codes. It differs where the
 * original is at fault: {@code --json} works, a size's suffix may be in lower case, and an id or a
 * size that is none is refused.
 */
public final class BlksnapTool implements Tool {
  private static final Set<String> HELP = Set.of("help", "--help", "-h");

  private static final String USAGE =
      """
      Usage:
      --help, -h or help:
      \tPrint this usage.
      <command> [arguments]:
      \tExecute the management command.

      Available commands with arguments:
      """;

  private final Services services;

  /** Sorted by name, as the help lists them. */
  private final Map<String, BlksnapCommand> commands = new TreeMap<>();

  /** Commands that work on these services. */
  public BlksnapTool(Services services) {
    this(services, FileLayout::find, TimeLabel.now());
  }

  /**
   * Commands that look at another machine.
   *
   * @param times makes the original's labels of moments
   */
  BlksnapTool(Services services, FileLayout.Finder files, TimeLabel times) {
    this.services = services;
    for (BlksnapCommand command :
        List.of(
            new VersionVerb(),
            new TrackerCommands.Attach(),
            new TrackerCommands.Detach(),
            new TrackerCommands.ShowInfo(),
            new TrackerCommands.ReadMap(),
            new TrackerCommands.MarkDirty(files),
            new SnapshotVerbs.Info(),
            new SnapshotVerbs.Add(),
            new SnapshotVerbs.Create(),
            new SnapshotVerbs.Destroy(),
            new SnapshotVerbs.Take(),
            new SnapshotVerbs.Collect(),
            new EventCommands.WaitEvent(times),
            new EventCommands.Watcher(times))) {
      commands.put(command.name(), command);
    }
  }

  /** A command by its name, or null. */
  BlksnapCommand command(String name) {
    return commands.get(name);
  }

  @Override
  public int run(Session session, List<String> arguments) throws IOException {
    try {
      if (arguments.isEmpty()) {
        throw new Unfit("Command not found.");
      }
      BlksnapCommand command = command(arguments.get(0));
      if (command != null) {
        run(command, session, arguments.subList(1, arguments.size()));
      } else if (HELP.contains(arguments.get(0))) {
        session.out().print(usage());
      } else {
        throw new Unfit("Command is not set.");
      }
      return 0;
    } catch (Unfit e) {
      session.err().print(e.getMessage() + "\n");
    } catch (ErrnoException e) {
      // The first line is the original's; the second says what is known here.
      boolean inOwnWords = e.text().contains("\n");
      String first = inOwnWords ? "" : StrError.of(e.errno()) + "\n";
      session.err().print(first + (inOwnWords ? e.text() : e.getMessage()) + "\n");
    } catch (IOException | RuntimeException e) {
      session.err().print(Failures.of(e).getMessage() + "\n");
    }
    return 1;
  }

  private void run(BlksnapCommand command, Session session, List<String> arguments)
      throws Unfit, IOException {
    Values values = command.options().parse(arguments);
    if (values.has("help")) {
      session.out().print(command.help());
    } else {
      command.run(new BlksnapCommand.Call(services, session, values));
    }
  }

  private String usage() {
    StringBuilder text = new StringBuilder(USAGE);
    commands.forEach((name, command) -> text.append(name).append(":\n").append(command.help()));
    return text.toString();
  }
}
