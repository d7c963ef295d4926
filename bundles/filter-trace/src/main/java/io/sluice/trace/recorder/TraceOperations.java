package io.sluice.trace.recorder;

import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Arguments;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceHeader;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** The filter {@code trace}, as it is registered. */
public final class TraceOperations implements FilterOperations {
  /** The most bios that are remembered: 4 MiB of them. */
  static final int RECENT_MAX = 65536;

  private static final long BUFFER_MIN_BYTES = 64 << 10;
  private static final long BUFFER_MAX_BYTES = 64 << 20;
  private static final long LIMIT_MIN_BYTES = 4096;

  /** The device is held still while the file is made. */
  private static final long OPEN_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(2);

  static final CtlCommand LAST =
      new CtlCommand(
          "last",
          List.of(new Parameter("count", ParameterType.COUNT, "20", "how many bios, from 1")),
          "the last bios that completed");

  private static final List<CtlCommand> COMMANDS =
      List.of(
          new CtlCommand("on", List.of(), "records from now on"),
          new CtlCommand("off", List.of(), "records nothing from now on"),
          LAST,
          new CtlCommand("stats", List.of(), "counts, bytes and latencies by operation"),
          new CtlCommand("reset", List.of(), "sets the counts of stats to zero"),
          new CtlCommand("sync", List.of(), "waits until the file has all bios up to now"));

  private static final List<Parameter> OPTIONS =
      List.of(
          new Parameter("recording", ParameterType.FLAG, "on", "whether to record from the start"),
          new Parameter(
              "last", ParameterType.COUNT, "1024", "bios to remember, 1 to " + RECENT_MAX),
          new Parameter(
              "data", ParameterType.TEXT, "none", "of the data: none, crc (CRC-32C), or full"),
          new Parameter(
              "file", ParameterType.TEXT, "", "absolute path of a file to be made; default none"),
          new Parameter("format", ParameterType.TEXT, "sluice", "of the file: sluice or fio"),
          new Parameter("limit", ParameterType.SIZE, "1G", "the most bytes of the file, from 4K"),
          new Parameter(
              "buffer", ParameterType.SIZE, "4M", "bytes on their way to the file, 64K to 64M"));

  private final LongSupplier nanoClock;
  private final InstantSource clock;
  private final ThreadFactory threads;

  /**
   * @param nanoClock for durations
   * @param clock for the moment that a file's trace begins
   * @param threads makes one thread for each file
   */
  public TraceOperations(LongSupplier nanoClock, InstantSource clock, ThreadFactory threads) {
    this.nanoClock = nanoClock;
    this.clock = clock;
    this.threads = threads;
  }

  @Override
  public String name() {
    return "trace";
  }

  /** Near the top: what clients ask for, before other filters change it. */
  @Override
  public int altitude() {
    return 900;
  }

  @Override
  public Set<BioOp> ops() {
    return Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH, BioOp.DISCARD, BioOp.WRITE_ZEROES);
  }

  @Override
  public List<Parameter> options() {
    return OPTIONS;
  }

  @Override
  public List<CtlCommand> commands() {
    return COMMANDS;
  }

  /** A command by its name, or ENOTTY with the names there are. */
  static CtlCommand command(String name) throws ErrnoException {
    for (CtlCommand command : COMMANDS) {
      if (command.name().equals(name)) {
        return command;
      }
    }
    String names = COMMANDS.stream().map(CtlCommand::name).collect(Collectors.joining(", "));
    throw new ErrnoException(
        Errno.ENOTTY, "trace: there is no command \"" + name + "\"; there are " + names);
  }

  @Override
  public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
    Arguments arguments = Arguments.ofOptions("filter trace", OPTIONS, options);
    Payload payload =
        Payload.ofWord(arguments.text("data"))
            .orElseThrow(() -> invalid("data=" + arguments.text("data"), "none, crc or full"));
    long lastCount = limited(arguments.count("last"), "last", 1, RECENT_MAX);
    long beginNanos = nanoClock.getAsLong();
    LongSupplier sinceBegin = () -> nanoClock.getAsLong() - beginNanos;
    TraceFile file = arguments.has("file") ? open(host, arguments, payload, sinceBegin) : null;
    return new TraceFilter(
        sinceBegin,
        arguments.flag("recording"),
        payload,
        new RecentBios((int) powerOfTwo(lastCount)),
        file);
  }

  private TraceFile open(
      FilterHost host, Arguments arguments, Payload payload, LongSupplier sinceBegin)
      throws ErrnoException {
    Path path = path(arguments.text("file"));
    long limitBytes =
        limited(arguments.sizeBytes("limit"), "limit", LIMIT_MIN_BYTES, Long.MAX_VALUE);
    long bufferBytes =
        limited(arguments.sizeBytes("buffer"), "buffer", BUFFER_MIN_BYTES, BUFFER_MAX_BYTES);
    TraceSink sink = sink(host, arguments.text("format"), payload);
    RecordRing ring;
    try {
      ring = new RecordRing((int) powerOfTwo(bufferBytes));
    } catch (OutOfMemoryError e) {
      throw new ErrnoException(
          Errno.ENOMEM, "filter trace: a buffer of " + bufferBytes + " bytes; give a smaller one");
    }
    TraceFile file = new TraceFile(path, sink, limitBytes, ring, sinceBegin);
    file.start(threads, "sluice-trace-" + host.deviceName(), OPEN_LIMIT_NANOS);
    return file;
  }

  private TraceSink sink(FilterHost host, String format, Payload payload) throws ErrnoException {
    if (format.equals("fio")) {
      if (payload != Payload.NONE) {
        throw invalid("data with format=fio", "none; fio's format has no data");
      }
      return TraceSink.fio(host.deviceName());
    }
    if (!format.equals("sluice")) {
      throw invalid("format=" + format, "sluice or fio");
    }
    DeviceGeometry geometry = host.lower().geometry();
    return TraceSink.binary(
        new TraceHeader(
            ChronoUnit.MICROS.between(Instant.EPOCH, clock.instant()),
            geometry.sizeBytes(),
            geometry.blockSizeBytes(),
            payload,
            host.deviceName()));
  }

  private static Path path(String text) throws ErrnoException {
    try {
      Path path = Path.of(text);
      if (path.isAbsolute() && path.getFileName() != null) {
        return path;
      }
    } catch (InvalidPathException e) {
      // Refused below.
    }
    throw invalid("file=" + text, "an absolute path, since the agent's directory is not yours");
  }

  private static long limited(long value, String name, long min, long max) throws ErrnoException {
    if (value < min || value > max) {
      throw invalid(name + "=" + value, min + " to " + max);
    }
    return value;
  }

  private static long powerOfTwo(long atLeast) {
    return atLeast <= 1 ? 1 : Long.highestOneBit(atLeast - 1) << 1;
  }

  private static ErrnoException invalid(String option, String allowed) {
    return new ErrnoException(Errno.EINVAL, "filter trace: " + option + ": it takes " + allowed);
  }
}
