package io.sluice.shell.command;

import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.OnError;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
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
          .text("DEVICES", f -> String.join(",", f.devices()));

  static final Table<ChainEntry> CHAIN =
      new Table<ChainEntry>()
          .number("ALTITUDE", ChainEntry::altitude)
          .text("FILTER", ChainEntry::filter)
          .text("STATE", ChainEntry::state)
          .text("ON-ERROR", e -> Words.lower(e.onError()))
          .number("BIOS", ChainEntry::bioCount)
          .number("ERRORS", ChainEntry::errorCount)
          .number("FAULTS", ChainEntry::faultCount)
          .text("LAST-FAULT", ChainEntry::fault);

  @Command(name = "list", description = "List the registered filters.")
  static final class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      return Answer.table(services().filters().filters(), TABLE);
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
          .attach(
              new AttachRequest(name, filter, place, onError, java.util.Optional.empty(), options));
      return Answer.quiet(services().filters().chain(name));
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
      Sheet sheet = new Sheet();
      result.forEach(sheet::line);
      return Answer.of(result, sheet);
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
