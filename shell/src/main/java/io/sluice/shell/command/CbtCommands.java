package io.sluice.shell.command;

import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code cbt}: changed block tracking. */
@Command(
    name = "cbt",
    description = "Ask what has changed on a device since an earlier snapshot.",
    subcommands = {
      CbtCommands.Info.class,
      CbtCommands.ShowMap.class,
      CbtCommands.Explain.class,
      CbtCommands.Dirty.class
    })
final class CbtCommands {
  private static final String DEV = "A device's name, or a path that leads to it.";

  private static final Table<SectorRange> RANGES =
      new Table<SectorRange>()
          .number("SECTOR", SectorRange::firstSector)
          .number("COUNT", SectorRange::sectorCount);

  @Command(name = "info", description = "Show a device's tracking block, generation and number.")
  static final class Info extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = DEV)
    String device;

    @Override
    Answer run() throws Exception {
      CbtInfo info = services().tracking().info(names().device(device));
      return Answer.of(
          info,
          new Sheet()
              .line("device", info.device())
              .line("capacity", ByteSize.exact(info.capacityBytes()))
              .line("block size", ByteSize.exact(info.blockSizeBytes()))
              .line("block count", info.blockCount())
              .line("generation", info.generationId())
              .line("number", info.changesNumber()));
    }
  }

  @Command(
      name = "map",
      description = {
        "List what was written, by the number of the snapshot interval it was last written in;",
        "with --since, the ranges to read for an increment on that earlier snapshot."
      })
  static final class ShowMap extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = DEV)
    String device;

    @Option(
        names = "--since",
        paramLabel = "GENERATION:NUMBER",
        description = "Generation and number of the earlier snapshot.")
    CbtBase since;

    @Override
    Answer run() throws Exception {
      ChangeTracking tracking = services().tracking();
      CbtInfo info = tracking.info(names().device(device));
      return since == null ? runs(tracking, info) : changes(tracking, info);
    }

    private static Answer runs(ChangeTracking tracking, CbtInfo info) {
      CbtRuns runs = new CbtRuns(tracking, info);
      Map<String, Object> data = heading(info);
      data.put("runs", runs);
      return Answer.of(data, out -> CbtRuns.TABLE.print(runs, out));
    }

    private Answer changes(ChangeTracking tracking, CbtInfo info) throws ErrnoException {
      List<SectorRange> ranges =
          tracking.changedSince(info.device(), since.generationId(), since.changesNumber());
      Map<String, Object> data = heading(info);
      data.put("since", since);
      data.put("changed_bytes", ranges.stream().mapToLong(SectorRange::sectorCount).sum() * 512);
      data.put("ranges", ranges);
      return Answer.of(data, out -> RANGES.print(ranges, out));
    }

    private static Map<String, Object> heading(CbtInfo info) {
      Map<String, Object> data = new LinkedHashMap<>();
      data.put("device", info.device());
      data.put("capacity_bytes", info.capacityBytes());
      data.put("block_size_bytes", info.blockSizeBytes());
      data.put("generation_id", info.generationId());
      data.put("changes_number", info.changesNumber());
      return data;
    }
  }

  @Command(
      name = "explain",
      description = {
        "Say where the changes are, how much of them is zero,",
        "and what another tracking block would make of the same writes."
      })
  static final class Explain extends AgentCommand {
    @Parameters(paramLabel = "DEV", description = DEV)
    String device;

    @Option(
        names = "--since",
        paramLabel = "GENERATION:NUMBER",
        description = "Generation and number of the earlier snapshot; default all ever marked.")
    CbtBase since;

    @Option(
        names = "--top",
        paramLabel = "N",
        description = "How many regions and runs to list, 1 to 1024; default 10.")
    int top = 10;

    @Override
    Answer run() throws Exception {
      if (top < 1 || top > ChangeReport.TOP_COUNT_MAX) {
        throw usage("--top " + top + ": give 1 to " + ChangeReport.TOP_COUNT_MAX);
      }
      ChangeTracking tracking = services().tracking();
      String name = names().device(device);
      CbtBase base = since == null ? new CbtBase(tracking.info(name).generationId(), 0) : since;
      ChangeReport report = tracking.explain(name, base.generationId(), base.changesNumber(), top);
      return Answer.of(report, new ChangeSheet(report));
    }
  }

  @Command(name = "dirty", description = "Mark ranges of sectors as changed.")
  static final class Dirty extends AgentCommand {
    @Parameters(index = "0", paramLabel = "DEV", description = DEV)
    String device;

    @Parameters(
        index = "1..*",
        arity = "1..*",
        paramLabel = "SECTOR:COUNT",
        description = "Where it starts and how many, in sectors of 512 bytes.")
    List<SectorRange> ranges = List.of();

    @Override
    Answer run() throws Exception {
      String name = names().device(device);
      services().tracking().markDirty(name, ranges);
      Map<String, Object> data = new LinkedHashMap<>();
      data.put("device", name);
      data.put("marked", ranges);
      return Answer.quiet(data);
    }
  }
}
