package io.sluice.trace.format;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * One bio of a trace.
 *
 * @param sequence its number, from 0, in the order of completion; what is missing was dropped
 * @param startNanos when it came, since the trace began
 * @param durationNanos how long it took
 * @param op the operation
 * @param flags of {@link Bio}
 * @param offsetBytes where its range starts
 * @param lengthBytes how long its range is
 * @param errnoNumber 0, or the Linux error it failed with
 * @param stream which thread brought it; bios of one stream follow each other
 * @param payload what there is of its data
 * @param crc the CRC-32C of its data, if there is one
 * @param data what was written, position to limit, if it is there; else null. Valid until the next
 *     record is read
 */
public record TraceRecord(
    long sequence,
    long startNanos,
    long durationNanos,
    BioOp op,
    int flags,
    long offsetBytes,
    long lengthBytes,
    int errnoNumber,
    long stream,
    Payload payload,
    int crc,
    ByteBuffer data) {

  /** One line for people: sequence, seconds, stream, operation, range, duration and outcome. */
  public String line() {
    StringBuilder line = new StringBuilder(96);
    line.append(
        String.format(
            Locale.ROOT,
            "%d %d.%09d %d %s %d+%d",
            sequence,
            startNanos / 1_000_000_000,
            startNanos % 1_000_000_000,
            stream,
            opWord(),
            offsetBytes,
            lengthBytes));
    line.append(flagWords());
    line.append(String.format(Locale.ROOT, " %.1fus", durationNanos / 1e3));
    if (payload != Payload.NONE) {
      line.append(String.format(Locale.ROOT, " crc32c=%08x", crc));
    }
    return line.append(' ').append(outcome()).toString();
  }

  /** {@code ok}, or the error's name. */
  public String outcome() {
    return errnoNumber == 0 ? "ok" : Errno.ofNumber(errnoNumber).name();
  }

  /** The operation in lower case. */
  public String opWord() {
    return op.name().toLowerCase(Locale.ROOT);
  }

  /** The flags, each in lower case behind a blank. */
  public String flagWords() {
    return ((flags & Bio.FUA) != 0 ? " fua" : "")
        + ((flags & Bio.NO_UNMAP) != 0 ? " no_unmap" : "")
        + ((flags & Bio.FAST_ONLY) != 0 ? " fast_only" : "");
  }
}
