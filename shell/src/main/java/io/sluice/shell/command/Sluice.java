package io.sluice.shell.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The root of all commands. */
@Command(
    name = "sluice",
    description = "Control the Sluice agent: devices, filters, snapshots, exports.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DeviceCommands.class,
      FilterCommands.class,
      SnapshotCommands.class,
      StoreCommands.class,
      CbtCommands.class,
      ExportCommands.class,
      BackupCommands.class,
      StatsCommand.class,
      BundleCommands.class,
      BundleCommands.Bundles.class,
      VersionCommand.class,
      ShutdownCommand.class,
      HelpCommand.class
    })
final class Sluice {
  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description = "Print one JSON document, numbers exact.")
  boolean json;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this usage.")
  boolean help;
}
