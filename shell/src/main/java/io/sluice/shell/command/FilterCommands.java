package io.sluice.shell.command;

import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.LatencySummary;
import io.sluice.filter.OnError;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code filter}: filters and the chains of devices. */
@Command(
    name = "filter",
    description = "Attach filters to live devices, on the fly.",
    subcommands = {
      FilterCommands.ListAll.class,
      FilterCommands.Attach.class,
      FilterCommands.Detach.class,
      FilterCommands.Ctl.class,
      FilterCommands.Chain.class
    })
final class FilterCommands {
  private static final String DEV = "A device's name, or a path that leads to it.";

  static final Table<FilterInfo> TABLE =
      new Table<FilterInfo>()
          .text("NAME", FilterInfo::name)
          .number("ALTITUDE", FilterInfo::altitude)
          .text("OPERATIONS", f -> Words.lower(f.ops()).replace(", ", ","))
          .text("DEVICES", f -> String.join(",", f.devices()))
          .text("PROVIDER", FilterInfo::provider);

  static final Table<ChainEntry> CHAIN =
      new Table<ChainEntry>()
          .number("ALTITUDE", ChainEntry::altitude)
          .text("FILTER", ChainEntry::filter)
          .text("STATE", ChainEntry::state)
          .text("ON-ERROR", e -> Words.lower(e.onError()))
          .number("BIOS", ChainEntry::bioCount)
          .number("ERRORS", ChainEntry::errorCount)
          .number("FAULTS", ChainEntry::faultCount)
          .number("MEAN", e -> latency(e, LatencySummary::meanNanos))
          .number("P99", e -> latency(e, LatencySummary::p99Nanos))
          .number("MAX", e -> latency(e, LatencySummary::maxNanos))
          .number("OWN", e -> latency(e, LatencySummary::ownMeanNanos))
          .text("PROVIDER", ChainEntry::provider)
          .text("LAST-FAULT", ChainEntry::fault);

  private static String latency(ChainEntry entry, ToLongFunction<LatencySummary> figure) {
    LatencySummary latency = entry.latency();
    return latency.sampleCount() == 0 ? "-" : Words.time(figure.applyAsLong(latency));
  }

  @Command(name = "list", description = "List the registered filters.")
  static final class ListAll extends AgentCommand {
    @Option(
        names = {"-v", "--verbose"},
        description = "Show the options and the commands of each as well.")
    boolean verbose;

    @Override
    Answer run() throws Exception {
      List<FilterInfo> filters = services().filters().filters();
      return verbose
          ? Answer.of(filters, out -> printWhole(filters, out))
          : Answer.table(filters, TABLE);
    }

    private static void printWhole(List<FilterInfo> filters, PrintWriter out) {
      TABLE.print(filters, out);
      for (FilterInfo filter : filters) {
        for (Parameter option : filter.options()) {
          out.println(filter.name() + " option " + synopsis(option) + ": " + option.help());
        }
        for (CtlCommand command : filter.commands()) {
          String arguments =
              command.parameters().stream()
                  .map(parameter -> " " + synopsis(parameter))
                  .collect(Collectors.joining());
          out.println(
              filter.name() + " command " + command.name() + arguments + ": " + command.help());
        }
      }
    }

    private static String synopsis(Parameter parameter) {
      String type = parameter.name() + "=" + parameter.type();
      return parameter.required()
          ? type
          : "[" + type + (parameter.fallback().isEmpty() ? "" : " " + parameter.fallback()) + "]";
    }
  }

  @Command(name = "attach", description = "Attach a filter to a live device.")
  static final class Attach extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEV", description = DEV)
    String device;

    @Parameters(index = "1", paramLabel = "FILTER", description = "A registered filter's name.")
    String filter;

    @Option(
        names = "--altitude",
        paramLabel = "N",
        description = "Place in the chain, high meets bios first; default the filter's own.")
    Integer altitude;

    @Option(
        names = "--on-error",
        paramLabel = "fail|bypass",
        description = "What a fault of the filter does to the device; default fail.")
    OnError onError = OnError.FAIL;

    @Option(
        names = "--call-limit",
        paramLabel = "DURATION",
        description =
            "How long one bio may stay in the filter's own code, such as 500ms or 5s; default the"
                + " filter's own.")
    String callLimit;

    @Parameters(
        index = "2..*",
        paramLabel = "key=value",
        description = "Options of the filter's own.")
    Map<String, String> options = new LinkedHashMap<>();

    @Override
    Answer run() throws Exception {
      String name = names().device(device);
      OptionalInt place = altitude == null ? OptionalInt.empty() : OptionalInt.of(altitude);
      services()
          .filters()
          .attach(new AttachRequest(name, filter, place, onError, callLimit(), options));
      return Answer.quiet(services().filters().chain(name));
    }

    private Optional<Duration> callLimit() throws ErrnoException {
      if (callLimit == null) {
        return Optional.empty();
      }
      String name = "call-limit";
      return Optional.of(
          Arguments.ofOptions(
                  "filter attach",
                  List.of(new Parameter(name, ParameterType.DURATION, null, "")),
                  Map.of(name, callLimit))
              .duration(name));
    }
  }

  @Command(name = "detach", description = "Detach a filter from a live device.")
  static final class Detach extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEV", description = DEV)
    String device;

    @Parameters(index = "1", paramLabel = "FILTER", description = "An attached filter's name.")
    String filter;

    @Override
    Answer run() throws Exception {
      String name = names().device(device);
      services().filters().detach(name, filter);
      return Answer.quiet(services().filters().chain(name));
    }
  }

  @Command(name = "ctl", description = "Hand a command to an attached filter.")
  static final class Ctl extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEV", description = DEV)
    String device;

    @Parameters(index = "1", paramLabel = "FILTER", description = "An attached filter's name.")
    String filter;

    @Parameters(index = "2", paramLabel = "CMD", description = "The filter's command.")
    String command;

    @Parameters(
        index = "3..*",
        paramLabel = "ARG",
        description = "Its arguments; put -- before one that starts with a hyphen.")
    List<String> arguments = List.of();

    @Override
    Answer run() throws Exception {
      Map<String, Object> result =
          services().filters().ctl(names().device(device), filter, command, arguments);
      return Answer.of(result, new CtlLayout(result));
    }
  }

  @Command(name = "chain", description = "Show a device's filters, from high altitude to low.")
  static final class Chain extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = DEV)
    String device;

    @Override
    Answer run() throws Exception {
      return Answer.table(services().filters().chain(names().device(device)), CHAIN);
    }
  }
}
