package io.sluice.trace.replay;

import io.sluice.trace.format.FioLog;
import io.sluice.trace.format.TraceHeader;
import io.sluice.trace.format.TraceReader;
import io.sluice.trace.format.TraceRecord;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** {@code sluice-trace}: shows a trace, converts it for fio, or replays it. */
public final class TraceTool {
  static final int DONE = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;

  private static final String HELP =
      """
      usage: sluice-trace show FILE
             sluice-trace fio FILE
             sluice-trace replay [--dry-run] [--verify] [--keep-discarded] [--count N] FILE TARGET

      Reads what the filter trace has recorded (file=FILE).

        show      one line a bio, in the order of completion: sequence, seconds since the trace
                  began, stream, operation, range, flags, duration, checksum, outcome
        fio       the trace as fio's read_iolog takes it, version 3
        replay    does to TARGET, a file or a block device, what was done to the traced device;
                  with data=full, and from a copy of the device of when the trace began, TARGET
                  ends with the same bytes

        --dry-run         read the whole trace, and touch nothing; TARGET may be left out
        --verify          do the reads too, and compare checksums; exit 1 if one differs
        --keep-discarded  leave what was discarded as it is; else it is zeroed
        --count N         stop after the first N bios

      Exit codes: 0 done; 1 failed, or reads differ; 2 usage.
      """;

  private final PrintStream out;
  private final PrintStream err;

  TraceTool(PrintStream out, PrintStream err) {
    this.out = out;
    this.err = err;
  }

  /** The program. */
  public static void main(String[] words) {
    PrintStream out =
        new PrintStream(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16),
            false,
            StandardCharsets.UTF_8);
    int status = new TraceTool(out, System.err).run(List.of(words));
    out.flush();
    System.exit(status);
  }

  int run(List<String> words) {
    try {
      return dispatch(new ArrayList<>(words));
    } catch (IllegalArgumentException e) {
      err.println("sluice-trace: " + e.getMessage() + "; see sluice-trace --help");
      return USAGE;
    } catch (NoSuchFileException e) {
      err.println("sluice-trace: ENOENT: " + e.getMessage() + ": no such file");
      return FAILED;
    } catch (IOException e) {
      err.println("sluice-trace: " + e.getMessage());
      return FAILED;
    }
  }

  private int dispatch(List<String> words) throws IOException {
    if (words.isEmpty()) {
      throw new IllegalArgumentException("a command is missing");
    }
    String command = words.remove(0);
    switch (command) {
      case "--help", "-h", "help" -> out.print(HELP);
      case "show" -> show(only(words));
      case "fio" -> fio(only(words));
      case "replay" -> {
        return replay(words);
      }
      default -> throw new IllegalArgumentException("unknown command " + command);
    }
    return DONE;
  }

  private static Path only(List<String> words) {
    if (words.size() != 1) {
      throw new IllegalArgumentException("one FILE is wanted");
    }
    return Path.of(words.get(0));
  }

  private static TraceReader open(Path path) throws IOException {
    return new TraceReader(FileChannel.open(path, StandardOpenOption.READ));
  }

  private void show(Path path) throws IOException {
    try (TraceReader trace = open(path)) {
      TraceHeader header = trace.header();
      Instant begin = Instant.EPOCH.plus(header.startMicros(), ChronoUnit.MICROS);
      out.printf(
          Locale.ROOT,
          "# device %s, %d bytes, blocks of %d, data %s, began %s%n",
          header.deviceName(),
          header.deviceBytes(),
          header.blockBytes(),
          header.payload().name().toLowerCase(Locale.ROOT),
          begin);
      for (TraceRecord bio = trace.next(); bio != null; bio = trace.next()) {
        out.println(bio.line());
      }
      out.println(
          trace.complete()
              ? "# complete, " + trace.droppedCount() + " dropped"
              : "# no end: still being written, or the agent was killed");
    }
  }

  private void fio(Path path) throws IOException {
    try (TraceReader trace = open(path)) {
      FioLog log = new FioLog(trace.header().deviceName());
      out.append(log.begin());
      long endNanos = 0;
      for (TraceRecord bio = trace.next(); bio != null; bio = trace.next()) {
        if (bio.errnoNumber() == 0) {
          out.append(log.line(bio.startNanos(), bio.op(), bio.offsetBytes(), bio.lengthBytes()));
        }
        endNanos = Math.max(endNanos, bio.startNanos() + bio.durationNanos());
      }
      out.append(log.end(endNanos));
    }
  }

  private int replay(List<String> words) throws IOException {
    boolean dryRun = words.remove("--dry-run");
    boolean verify = words.remove("--verify");
    boolean keepDiscarded = words.remove("--keep-discarded");
    long countMax = Long.MAX_VALUE;
    int at = words.indexOf("--count");
    if (at >= 0 && at + 1 < words.size()) {
      words.remove(at);
      countMax = Long.parseUnsignedLong(words.remove(at));
    }
    if (words.size() != 2 && !(dryRun && words.size() == 1)) {
      throw new IllegalArgumentException("FILE and TARGET are wanted");
    }
    Replay.Options options = new Replay.Options(dryRun, verify, keepDiscarded, countMax);
    try (TraceReader trace = open(Path.of(words.get(0)))) {
      Replay replay;
      if (dryRun) {
        replay = new Replay(trace, null, options);
        replay.run();
      } else {
        try (FileTarget target = FileTarget.open(Path.of(words.get(1)))) {
          replay = new Replay(trace, target, options);
          replay.run();
        }
      }
      out.print(replay.report());
      return replay.mismatchCount() == 0 ? DONE : FAILED;
    }
  }
}
