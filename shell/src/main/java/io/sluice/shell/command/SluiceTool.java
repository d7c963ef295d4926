package io.sluice.shell.command;

import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;
import io.sluice.shell.tool.Failures;
import io.sluice.shell.tool.Json;
import io.sluice.shell.tool.SectorRanges;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import io.sluice.shell.tool.Tool;
import io.sluice.snapshot.SectorRange;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The commands of {@code sluice}: parses arguments, runs the command, prints what it found out. */
public final class SluiceTool implements Tool {
  /** The command did what it was asked. */
  public static final int EXIT_DONE = 0;

  /** The command was refused or failed. */
  public static final int EXIT_FAILED = 1;

  /** The arguments make no command. */
  public static final int EXIT_USAGE = 2;

  /** Where usage is wrapped if the caller has no terminal, and the least that is useful. */
  private static final int USAGE_COLUMNS = 80;

  private static final int USAGE_COLUMNS_MIN = 55;
  private static final int USAGE_COLUMNS_MAX = 200;

  private final Services services;

  /** Commands that work on these services. */
  public SluiceTool(Services services) {
    this.services = services;
  }

  @Override
  public int run(Session session, List<String> arguments) throws IOException {
    CommandLine root = newCommandLine(session);
    ParseResult parsed;
    try {
      parsed = parse(root, arguments);
    } catch (ParameterException e) {
      session.err().println(usageError(e));
      return EXIT_USAGE;
    }
    CommandLine command = last(parsed);
    if (command.isUsageHelpRequested()) {
      session.out().print(command.getUsageMessage(CommandLine.Help.Ansi.OFF));
      return EXIT_DONE;
    }
    try {
      Answer answer = runParsed(command);
      print(answer, ((Sluice) root.getCommandSpec().userObject()).json, session);
      return EXIT_DONE;
    } catch (ParameterException e) {
      session.err().println(usageError(e));
      return EXIT_USAGE;
    } catch (Exception e) {
      session.err().println(failure(command, e));
      return EXIT_FAILED;
    }
  }

  /**
   * Runs a command for a caller that prints the answer itself.
   *
   * @throws ErrnoException what the command throws
   * @throws UsageException if the arguments make no command; the message is one line
   */
  public Answer evaluate(Session session, List<String> arguments) throws ErrnoException {
    ParseResult parsed;
    try {
      parsed = parse(newCommandLine(session), arguments);
    } catch (ParameterException e) {
      throw new UsageException(usageError(e));
    }
    CommandLine command = last(parsed);
    if (command.isUsageHelpRequested()) {
      String usage = command.getUsageMessage(CommandLine.Help.Ansi.OFF);
      return Answer.line(usage.stripTrailing(), usage);
    }
    try {
      return runParsed(command);
    } catch (ParameterException e) {
      throw new UsageException(usageError(e));
    } catch (Exception e) {
      throw Failures.of(cause(e));
    }
  }

  /** The model of all commands, for help, completion and checks of the documentation. */
  public CommandLine newCommandLine(Session session) {
    CommandLine root = new CommandLine(new Sluice());
    register(root, ByteSize.class, ByteSize::parse);
    register(root, StoreSpec.class, StoreSpec::parse);
    register(root, CbtBase.class, CbtBase::parse);
    register(root, SectorRange.class, SectorRanges::parse);
    root.setExpandAtFiles(false);
    root.setInterpolateVariables(false);
    root.setCaseInsensitiveEnumValuesAllowed(true);
    int width = session.widthColumns() == 0 ? USAGE_COLUMNS : session.widthColumns();
    root.setUsageHelpWidth(Math.max(USAGE_COLUMNS_MIN, Math.min(USAGE_COLUMNS_MAX, width)));
    bind(root, session);
    return root;
  }

  private void bind(CommandLine line, Session session) {
    if (line.getCommandSpec().userObject() instanceof AgentCommand command) {
      command.bind(line, services, session);
    }
    line.getSubcommands().values().forEach(sub -> bind(sub, session));
  }

  private static <T> void register(CommandLine root, Class<T> type, ITypeConverter<T> converter) {
    root.registerConverter(
        type,
        text -> {
          try {
            return converter.convert(text);
          } catch (ErrnoException e) {
            throw new TypeConversionException(e.text());
          }
        });
  }

  private static ParseResult parse(CommandLine root, List<String> arguments) {
    return root.parseArgs(arguments.toArray(String[]::new));
  }

  private static CommandLine last(ParseResult parsed) {
    List<CommandLine> commands = parsed.asCommandLineList();
    return commands.get(commands.size() - 1);
  }

  private static Answer runParsed(CommandLine command) throws Exception {
    CommandSpec spec = command.getCommandSpec();
    if (!(spec.userObject() instanceof AgentCommand agentCommand)) {
      throw new ParameterException(
          command, "a command is missing: " + String.join(", ", command.getSubcommands().keySet()));
    }
    return agentCommand.run();
  }

  private static void print(Answer answer, boolean json, Session session) throws IOException {
    if (json) {
      Json.write(answer.data(), session.out());
      return;
    }
    PrintWriter out =
        new PrintWriter(session.out(), false, java.nio.charset.StandardCharsets.UTF_8);
    answer.print(out);
    out.flush();
  }

  private static String usageError(ParameterException e) {
    CommandSpec spec = e.getCommandLine().getCommandSpec();
    String text = e.getMessage();
    if (e instanceof UnmatchedArgumentException unmatched && isGroup(spec)) {
      text = "no such command: " + unmatched.getUnmatched().get(0);
    }
    if (e instanceof UnmatchedArgumentException unmatched
        && !unmatched.getSuggestions().isEmpty()) {
      text += "; did you mean " + String.join(" or ", unmatched.getSuggestions()) + "?";
    }
    return line(spec, text) + see(spec);
  }

  private static boolean isGroup(CommandSpec spec) {
    return !(spec.userObject() instanceof AgentCommand);
  }

  private static String see(CommandSpec spec) {
    String words = words(spec);
    return "; see \"sluice help" + (words.isEmpty() ? "" : " " + words) + "\"";
  }

  private static String failure(CommandLine command, Exception e) {
    return line(command.getCommandSpec(), Failures.of(cause(e)).getMessage());
  }

  private static Throwable cause(Exception e) {
    return e instanceof UncheckedIOException unchecked ? unchecked.getCause() : e;
  }

  private static String line(CommandSpec spec, String text) {
    String words = words(spec);
    return Failures.oneLine("sluice: " + (words.isEmpty() ? "" : words + ": ") + text);
  }

  /** The command's words without the program's name: {@code device add}. */
  private static String words(CommandSpec spec) {
    String name = spec.qualifiedName();
    int blank = name.indexOf(' ');
    return blank < 0 ? "" : name.substring(blank + 1);
  }
}
