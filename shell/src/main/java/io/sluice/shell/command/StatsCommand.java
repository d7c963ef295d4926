package io.sluice.shell.command;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.DeviceTable;
import io.sluice.shell.tool.ByteSize;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code stats}: what devices have done since they were added. */
@Command(name = "stats", description = "Show what devices have done since they were added.")
final class StatsCommand extends AgentCommand {
  private static final Table<DeviceStats> TABLE =
      new Table<DeviceStats>()
          .text("DEVICE", DeviceStats::device)
          .number("READS", DeviceStats::readCount)
          .number("READ", s -> ByteSize.human(s.readBytes()))
          .number("WRITES", DeviceStats::writeCount)
          .number("WRITTEN", s -> ByteSize.human(s.writeBytes()))
          .number("FLUSHES", DeviceStats::flushCount)
          .number("DISCARDED", s -> ByteSize.human(s.discardBytes()))
          .number("ZEROED", s -> ByteSize.human(s.writeZeroesBytes()))
          .number("ERRORS", DeviceStats::errorCount)
          .number("INFLIGHT", DeviceStats::inFlightCount)
          .number("FREEZES", DeviceStats::freezeCount)
          .number("MAX-FREEZE", s -> s.freezeMaxNanos() / 1000 + "us");

  @Parameters(
      arity = "0..1",
      paramLabel = "DEV",
      description = "A device's name, or a path that leads to it; default all.")
  String device;

  @Override
  Answer run() throws Exception {
    DeviceTable table = services().devices();
    List<DeviceStats> stats = new ArrayList<>();
    if (device != null) {
      stats.add(table.stats(names().device(device)));
    } else {
      for (DeviceInfo info : table.list()) {
        try {
          stats.add(table.stats(info.name()));
        } catch (ErrnoException e) {
          // Removed since it was listed.
          if (e.errno() != Errno.ENODEV) {
            throw e;
          }
        }
      }
    }
    return Answer.table(stats, TABLE);
  }
}
