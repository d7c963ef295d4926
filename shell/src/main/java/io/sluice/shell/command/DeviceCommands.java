package io.sluice.shell.command;

import io.sluice.block.DeviceGeometry;
import io.sluice.block.OriginOptions;
import io.sluice.filter.DeviceInfo;
import io.sluice.shell.tool.ByteSize;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code device}: the live devices. */
@Command(
    name = "device",
    description = "Add, list and remove live devices.",
    subcommands = {
      DeviceCommands.Add.class,
      DeviceCommands.ListAll.class,
      DeviceCommands.Info.class,
      DeviceCommands.Remove.class
    })
final class DeviceCommands {
  static final Table<DeviceInfo> TABLE =
      new Table<DeviceInfo>()
          .text("NAME", DeviceInfo::name)
          .number("SIZE", d -> ByteSize.human(d.geometry().sizeBytes()))
          .number("BLOCK", d -> d.geometry().blockSizeBytes())
          .text("RO", d -> d.geometry().readOnly() ? "yes" : "no")
          .text("FILTERS", d -> String.join(",", d.filters()))
          .number("HOLDERS", d -> d.holders().size())
          .text("PATH", DeviceInfo::path);

  @Command(
      name = "add",
      description = "Open an origin exclusively and publish its live device under NAME.")
  static final class Add extends AgentCommand {
    @Parameters(index = "0", paramLabel = "NAME", description = "Letters, digits and . _ -")
    String name;

    @Parameters(
        index = "1",
        paramLabel = "PATH",
        description = "A regular file or a block special file.")
    String path;

    @Option(names = "--read-only", description = "Open for reading, with a shared lock.")
    boolean readOnly;

    @Option(names = "--direct", description = "Bypass the page cache (O_DIRECT).")
    boolean direct;

    @Option(
        names = "--block-size",
        paramLabel = "SIZE",
        description = "Block size to present: a power of two, 512 to 64K; default the origin's.")
    ByteSize blockSize = new ByteSize(0);

    @Override
    Answer run() throws Exception {
      OriginOptions options =
          new OriginOptions(readOnly, direct, Limits.intBytes("--block-size", blockSize));
      return Answer.quiet(services().devices().add(name, session().path(path), options));
    }
  }

  @Command(name = "list", description = "List the live devices.")
  static final class ListAll extends AgentCommand {
    @Override
    Answer run() throws Exception {
      return Answer.table(services().devices().list(), TABLE);
    }
  }

  @Command(name = "info", description = "Show one device.")
  static final class Info extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = "A device's name, or a path that leads to it.")
    String device;

    @Override
    Answer run() throws Exception {
      DeviceInfo info = services().devices().info(names().device(device));
      DeviceGeometry geometry = info.geometry();
      return Answer.of(
          info,
          new Sheet()
              .line("name", info.name())
              .line("path", info.path())
              .line("size", ByteSize.exact(geometry.sizeBytes()))
              .line("block size", geometry.blockSizeBytes())
              .line("preferred size", geometry.preferredSizeBytes())
              .line("read-only", geometry.readOnly() ? "yes" : "no")
              .line("direct", info.options().direct() ? "yes" : "no")
              .line("rotational", geometry.rotational() ? "yes" : "no")
              .line("operations", Words.lower(geometry.ops()))
              .line("filters", String.join(", ", info.filters()))
              .line("holders", String.join(", ", info.holders())));
    }
  }

  @Command(name = "remove", description = "Withdraw a device and close its origin.")
  static final class Remove extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = "A device's name, or a path that leads to it.")
    String device;

    @Override
    Answer run() throws Exception {
      String name = names().device(device);
      services().devices().remove(name);
      return Answer.quiet(Map.of("removed", List.of(name)));
    }
  }
}
