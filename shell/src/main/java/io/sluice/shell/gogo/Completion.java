package io.sluice.shell.gogo;

import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.FilterInfo;
import io.sluice.shell.command.SluiceTool;
import io.sluice.shell.tool.Services;
import io.sluice.shell.tool.Session;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.felix.service.command.CommandSession;
import org.osgi.framework.Bundle;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Completes a shell's line: the commands of Gogo for the first word; then the options of the
 * command, and the names of what its parameters are about.
 */
final class Completion {
  private static final String GOGO_COMMANDS = ".commands";

  private final SluiceTool tool;
  private final Services services;

  Completion(SluiceTool tool, Services services) {
    this.tool = tool;
    this.services = services;
  }

  /** What the last word of {@code text} may become, sorted. */
  List<String> candidates(CommandSession gogo, Session session, String text) {
    String statement = text.substring(Math.max(text.lastIndexOf('|'), text.lastIndexOf(';')) + 1);
    String[] words = statement.stripLeading().split("\\s+", -1);
    String last = words[words.length - 1];
    Set<String> found = new TreeSet<>();
    if (words.length == 1) {
      found.addAll(commands(gogo));
    } else {
      CommandSpec spec = command(session, words[0]);
      if (spec != null) {
        found.addAll(last.startsWith("-") ? options(spec) : names(spec, words.length - 2));
      }
    }
    found.removeIf(candidate -> !candidate.startsWith(last));
    return List.copyOf(found);
  }

  private static Collection<String> commands(CommandSession gogo) {
    List<String> names = new ArrayList<>();
    if (gogo.get(GOGO_COMMANDS) instanceof Collection<?> commands) {
      commands.forEach(command -> names.add(String.valueOf(command)));
    }
    return names;
  }

  /** The command that a word such as {@code device:add} or {@code sluice:stats} names, or null. */
  private CommandSpec command(Session session, String word) {
    CommandLine line = tool.newCommandLine(session);
    for (String part : word.split(":", -1)) {
      CommandLine next = line.getSubcommands().get(part.equals("waitevent") ? "wait-event" : part);
      if (next != null) {
        line = next;
      } else if (!part.equals("sluice")) {
        return null;
      }
    }
    return line.getCommandSpec();
  }

  private static List<String> options(CommandSpec spec) {
    return spec.options().stream().filter(o -> !o.hidden()).map(OptionSpec::longestName).toList();
  }

  private Collection<String> names(CommandSpec spec, int index) {
    List<String> names = new ArrayList<>();
    for (PositionalParamSpec parameter : spec.positionalParameters()) {
      if (parameter.index().contains(index)) {
        try {
          addNames(parameter.paramLabel(), names);
        } catch (ErrnoException e) {
          // A service that is missing knows no names; the command will say so.
        }
      }
    }
    return names;
  }

  private void addNames(String label, List<String> names) throws ErrnoException {
    switch (label) {
      case "DEV" -> services.devices().list().stream().map(DeviceInfo::name).forEach(names::add);
      case "FILTER" ->
          services.filters().filters().stream().map(FilterInfo::name).forEach(names::add);
      case "CMD" ->
          services.filters().filters().stream()
              .flatMap(filter -> filter.commands().stream())
              .map(CtlCommand::name)
              .forEach(names::add);
      case "ID" -> addSnapshots(names);
      case "KIND:ARG" -> names.addAll(List.of("file:", "dir:", "blockdev:", "tmpfs:"));
      case "ID|DEV" -> {
        addSnapshots(names);
        addNames("DEV", names);
      }
      case "DEVICE-OR-IMAGE" -> {
        addNames("DEV", names);
        for (SnapshotInfo snapshot : services.snapshots().list()) {
          snapshot.devices().stream().map(SnapshotDeviceInfo::image).forEach(names::add);
        }
      }
      case "NAME" ->
          services
              .exporters()
              .forEach(e -> e.list().stream().map(ExportInfo::name).forEach(names::add));
      case "BUNDLE" -> {
        for (Bundle bundle : services.framework().getBundles()) {
          names.add(bundle.getSymbolicName());
        }
      }
      default -> {
        // Free text.
      }
    }
  }

  private void addSnapshots(List<String> names) throws ErrnoException {
    for (SnapshotInfo snapshot : services.snapshots().list()) {
      names.add(snapshot.name().isEmpty() ? snapshot.id().toString() : snapshot.name());
    }
  }
}
