package io.sluice.trace.recorder;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Filter;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceFormat;
import io.sluice.trace.format.TraceRecord;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/**
 * Passes each bio as it is, and notes what became of it once it is back. Allocates nothing for a
 * bio and takes no lock.
 */
final class TraceFilter implements Filter {
  private static final long SYNC_LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** A detach holds the device still. */
  private static final long CLOSE_LIMIT_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  /** Counted, but never reported. */
  private static final int ERRNO_OF_FAULT = Errno.EIO.number();

  private final LongSupplier sinceBeginNanos;
  private final Payload payload;
  private final RecentBios recent;

  /** Null if there is none. */
  private final TraceFile file;

  private final OpCounters reads = new OpCounters(BioOp.READ);
  private final OpCounters writes = new OpCounters(BioOp.WRITE);
  private final OpCounters flushes = new OpCounters(BioOp.FLUSH);
  private final OpCounters discards = new OpCounters(BioOp.DISCARD);
  private final OpCounters zeroes = new OpCounters(BioOp.WRITE_ZEROES);
  private final ThreadLocal<CRC32C> sums = ThreadLocal.withInitial(CRC32C::new);

  private volatile boolean on;

  TraceFilter(
      LongSupplier sinceBeginNanos,
      boolean on,
      Payload payload,
      RecentBios recent,
      TraceFile file) {
    this.sinceBeginNanos = sinceBeginNanos;
    this.on = on;
    this.payload = payload;
    this.recent = recent;
    this.file = file;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    if (!on) {
      next.submit(bio);
      return;
    }
    int start = bio.data() == null ? 0 : bio.data().position();
    long startNanos = sinceBeginNanos.getAsLong();
    int errnoNumber = ERRNO_OF_FAULT;
    try {
      next.submit(bio);
      errnoNumber = 0;
    } catch (ErrnoException e) {
      errnoNumber = e.errno().number();
      throw e;
    } finally {
      note(bio, start, startNanos, sinceBeginNanos.getAsLong() - startNanos, errnoNumber);
    }
  }

  private void note(Bio bio, int start, long startNanos, long durationNanos, int errnoNumber) {
    long sequence = recent.number();
    long stream = Thread.currentThread().getId();
    Payload kept = kept(bio, start, errnoNumber);
    int crc = kept == Payload.NONE ? 0 : sum(bio, start);
    countersOf(bio.op()).add(stream, bio.lengthBytes(), durationNanos, errnoNumber != 0);
    recent.put(
        sequence,
        startNanos,
        durationNanos,
        bio.op(),
        bio.flags(),
        bio.offsetBytes(),
        bio.lengthBytes(),
        errnoNumber,
        stream,
        kept == Payload.NONE ? kept : Payload.CRC,
        crc);
    if (file != null) {
      write(bio, start, startNanos, durationNanos, errnoNumber, sequence, stream, kept, crc);
    }
  }

  /** What can be kept of a bio's data: none of a failed read's, which are undefined. */
  private Payload kept(Bio bio, int start, int errnoNumber) {
    boolean failedRead = bio.op() == BioOp.READ && errnoNumber != 0;
    if (payload == Payload.NONE || !bio.op().carriesData() || failedRead) {
      return Payload.NONE;
    }
    if (bio.data().limit() - start < bio.lengthBytes()) {
      // Somebody below has moved the limit, against the rules; the data can't be told from others.
      return Payload.NONE;
    }
    boolean whole =
        payload == Payload.FULL
            && bio.op() == BioOp.WRITE
            && file != null
            && TraceFormat.recordBytes(bio.lengthBytes()) <= file.recordMaxBytes();
    return whole ? Payload.FULL : Payload.CRC;
  }

  /** The checksum of a bio's data; the buffer is left as it was. */
  private int sum(Bio bio, int start) {
    ByteBuffer data = bio.data();
    int position = data.position();
    CRC32C sum = sums.get();
    sum.reset();
    sum.update(data.position(start));
    data.position(position);
    return (int) sum.getValue();
  }

  private void write(
      Bio bio,
      int start,
      long startNanos,
      long durationNanos,
      int errnoNumber,
      long sequence,
      long stream,
      Payload kept,
      int crc) {
    int dataBytes = kept == Payload.FULL ? (int) bio.lengthBytes() : 0;
    int recordBytes = (int) TraceFormat.recordBytes(dataBytes);
    int at = file.claim(recordBytes);
    if (at < 0) {
      return;
    }
    ByteBuffer record = file.bytes();
    record.put(at + TraceFormat.AT_KIND, TraceFormat.KIND_BIO);
    record.put(at + TraceFormat.AT_OP, TraceFormat.codeOf(bio.op()));
    record.put(at + TraceFormat.AT_FLAGS, (byte) bio.flags());
    record.put(at + TraceFormat.AT_RECORD_PAYLOAD, kept.code());
    record.putLong(at + TraceFormat.AT_SEQUENCE, sequence);
    record.putLong(at + TraceFormat.AT_START_NANOS, startNanos);
    record.putLong(at + TraceFormat.AT_DURATION_NANOS, durationNanos);
    record.putLong(at + TraceFormat.AT_OFFSET, bio.offsetBytes());
    record.putLong(at + TraceFormat.AT_LENGTH, bio.lengthBytes());
    record.putInt(at + TraceFormat.AT_ERRNO, errnoNumber);
    record.putInt(at + TraceFormat.AT_CRC, crc);
    record.putLong(at + TraceFormat.AT_STREAM, stream);
    if (dataBytes > 0) {
      record.put(at + TraceFormat.RECORD_BYTES, bio.data(), start, dataBytes);
    }
    file.commit(at, recordBytes);
  }

  private OpCounters countersOf(BioOp op) {
    return switch (op) {
      case READ -> reads;
      case WRITE -> writes;
      case FLUSH -> flushes;
      case DISCARD -> discards;
      case WRITE_ZEROES -> zeroes;
    };
  }

  private List<OpCounters> counters() {
    return List.of(reads, writes, flushes, discards, zeroes);
  }

  @Override
  public Map<String, Object> ctl(String command, List<String> words) throws ErrnoException {
    if (command.equals("last")) {
      return last(TraceOperations.LAST.arguments(words).count("count"));
    }
    TraceOperations.command(command).arguments(words);
    switch (command) {
      case "on" -> on = true;
      case "off" -> on = false;
      case "stats" -> {
        return stats();
      }
      case "reset" -> counters().forEach(OpCounters::clear);
      case "sync" -> {
        return sync();
      }
      default -> throw new IllegalStateException(command + " is declared, and not there");
    }
    return Map.of("recording", on);
  }

  private Map<String, Object> last(long count) throws ErrnoException {
    if (count < 1) {
      throw new ErrnoException(Errno.EINVAL, "last " + count + ": at least 1");
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    for (TraceRecord bio : recent.last((int) Math.min(count, TraceOperations.RECENT_MAX))) {
      rows.add(row(bio));
    }
    return Map.of("bios", rows);
  }

  private static Map<String, Object> row(TraceRecord bio) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("sequence", bio.sequence());
    row.put("start_nanos", bio.startNanos());
    row.put("duration_nanos", bio.durationNanos());
    row.put("stream", bio.stream());
    row.put("op", bio.opWord());
    row.put("offset_bytes", bio.offsetBytes());
    row.put("length_bytes", bio.lengthBytes());
    row.put("flags", bio.flagWords().strip());
    row.put("outcome", bio.outcome());
    if (bio.payload() != Payload.NONE) {
      row.put("crc32c", String.format("%08x", bio.crc()));
    }
    return row;
  }

  private Map<String, Object> stats() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("recording", on);
    values.put("bios", recent.count());
    values.put("ring_lost", recent.lostCount());
    if (file != null) {
      values.putAll(file.describe());
    }
    values.put(
        "ops",
        counters().stream()
            .filter(counters -> counters.count() > 0)
            .map(OpCounters::describe)
            .collect(Collectors.toList()));
    values.put(
        "latencies",
        counters().stream()
            .flatMap(counters -> counters.histogram().stream())
            .collect(Collectors.toList()));
    return values;
  }

  private Map<String, Object> sync() throws ErrnoException {
    if (file == null) {
      throw new ErrnoException(Errno.EINVAL, "sync: there is no file; attach with file=PATH");
    }
    if (!file.sync(SYNC_LIMIT_NANOS)) {
      throw new ErrnoException(
          Errno.EAGAIN, "sync: the file was not written in 10 s, the limit; try again");
    }
    return file.describe();
  }

  @Override
  public Map<String, String> options(Map<String, String> attached) {
    Map<String, String> options = new HashMap<>(attached);
    options.put("recording", on ? "on" : "off");
    return options;
  }

  /** Has the file written while the device goes on, so that little is left for the detach. */
  @Override
  public void checkDetach() {
    if (file != null) {
      file.sync(CLOSE_LIMIT_NANOS);
    }
  }

  @Override
  public void detach() {
    if (file != null) {
      file.close(CLOSE_LIMIT_NANOS);
    }
  }
}
