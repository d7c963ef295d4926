package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code help}: the usage of any command, of any depth. */
@Command(name = "help", description = "Show the commands, or the usage of one.")
final class HelpCommand extends AgentCommand {
  @Parameters(
      arity = "0..*",
      paramLabel = "COMMAND",
      description = "A command's words, or its name in Gogo: device:add.")
  List<String> words = List.of();

  @Spec CommandSpec spec;

  @Override
  Answer run() throws Exception {
    CommandLine command = spec.root().commandLine();
    for (String word : String.join(" ", words).split("[ :]+", 0)) {
      CommandLine next = command.getSubcommands().get(word);
      if (word.isEmpty() || (next == null && word.equals(spec.root().name()))) {
        continue;
      }
      if (next == null) {
        throw new ErrnoException(
            Errno.ENOENT,
            "help " + String.join(" ", words) + ": no such command; see \"sluice help\"");
      }
      command = next;
    }
    String usage = command.getUsageMessage(CommandLine.Help.Ansi.OFF);
    return Answer.line(usage.stripTrailing(), usage);
  }
}
