package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import io.sluice.shell.tool.Services;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code export}: how devices and images reach clients. */
@Command(
    name = "export",
    description = "Serve devices and images to clients.",
    subcommands = {
      ExportCommands.Nbd.class,
      ExportCommands.Fuse.class,
      ExportCommands.ListAll.class,
      ExportCommands.Remove.class
    })
final class ExportCommands {
  private static final String WHAT =
      "A device's name or path, or an image, DEV@SNAP with SNAP an id or a name.";

  static final Table<ExportInfo> TABLE =
      new Table<ExportInfo>()
          .text("NAME", ExportInfo::name)
          .text("KIND", ExportInfo::kind)
          .text("DEVICE", ExportInfo::device)
          .text("RO", e -> e.readOnly() ? "yes" : "no")
          .text("AUTO", e -> e.automatic() ? "yes" : "no")
          .number("CLIENTS", ExportInfo::clientCount)
          .text("ADDRESS", e -> String.join(" ", e.addresses()));

  private static Answer addresses(ExportInfo info) {
    return Answer.of(info, out -> info.addresses().forEach(out::println));
  }

  private static Exporter exporter(Services services, String kind) throws ErrnoException {
    for (Exporter exporter : services.exporters()) {
      if (exporter.kind().equals(kind)) {
        return exporter;
      }
    }
    throw new ErrnoException(
        Errno.ENOTSUP,
        "no exporter of kind " + kind + " is running; start the bundle export-" + kind);
  }

  @Command(
      name = "nbd",
      description = {
        "Serve a device or image over NBD under one more name, and print where.",
        "Each device and image is on the agent's own NBD socket under its own name already."
      })
  static final class Nbd extends AgentCommand {
    @Parameters(paramLabel = "DEVICE-OR-IMAGE", description = WHAT)
    String device;

    @Option(names = "--name", paramLabel = "N", description = "The name clients ask for.")
    String name = "";

    @Option(names = "--read-only", description = "Refuse writes of clients.")
    boolean readOnly;

    @Override
    Answer run() throws Exception {
      Exporter nbd = exporter(services(), "nbd");
      return addresses(nbd.add(new ExportRequest(names().deviceOrImage(device), name, readOnly)));
    }
  }

  @Command(name = "fuse", description = "Show a device or image as a file.")
  static final class Fuse extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEVICE-OR-IMAGE", description = WHAT)
    String device;

    @Parameters(index = "1", arity = "0..1", paramLabel = "FILE", description = "The file's name.")
    String file = "";

    @Override
    Answer run() throws Exception {
      Exporter fuse = exporter(services(), "fuse");
      return addresses(fuse.add(new ExportRequest(names().deviceOrImage(device), file, false)));
    }
  }

  @Command(name = "list", description = "List everything that clients can ask for.")
  static final class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      List<ExportInfo> exports = new ArrayList<>();
      services().exporters().forEach(e -> exports.addAll(e.list()));
      exports.sort(Comparator.comparing(ExportInfo::name).thenComparing(ExportInfo::kind));
      return Answer.table(exports, TABLE);
    }
  }

  @Command(name = "remove", description = "Take away a name that was added.")
  static final class Remove extends AgentCommand {
    @Parameters(paramLabel = "NAME", description = "The name clients ask for.")
    String name;

    @Override
    Answer run() throws Exception {
      for (Exporter exporter : services().exporters()) {
        if (exporter.list().stream().anyMatch(e -> e.name().equals(name))) {
          exporter.remove(name);
          return Answer.quiet(Map.of("removed", List.of(name)));
        }
      }
      throw new ErrnoException(
          Errno.ENOENT, "export \"" + name + "\": there is none; see export list");
    }
  }
}
