package io.sluice.trace.replay;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.trace.format.Payload;
import io.sluice.trace.format.TraceReader;
import io.sluice.trace.format.TraceRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Does to a device what a trace says was done to another, one bio after the other in the order of
 * completion. Started from the bytes that the first device had when the trace began, the second
 * ends with the bytes of the first, but for ranges that several bios changed at the same time, and
 * for writes that failed: what those left behind is not in a trace.
 */
public final class Replay {
  /** The longest read that is verified; a bio of a network client is no longer. */
  private static final long READ_MAX_BYTES = 128 << 20;

  /**
   * What to do.
   *
   * @param dryRun check the trace and count, and touch nothing
   * @param verify do the reads too, and compare what they return with the trace's checksums
   * @param keepDiscarded leave what was discarded as it is; else it is zeroed
   * @param countMax stop after so many bios
   */
  public record Options(boolean dryRun, boolean verify, boolean keepDiscarded, long countMax) {}

  private final TraceReader trace;
  private final BlockDevice target;
  private final Options options;
  private final CRC32C sum = new CRC32C();
  private final Bio own = new Bio();

  private long bioCount;
  private long changeCount;
  private long changedBytes;
  private long flushCount;
  private long verifiedCount;
  private long mismatchCount;
  private long failedCount;
  private long missingCount;
  private long highestSequence = -1;
  private String firstMismatch = "";

  /**
   * @param target not used in a dry run, where it may be null
   */
  public Replay(TraceReader trace, BlockDevice target, Options options) {
    this.trace = trace;
    this.target = target;
    this.options = options;
  }

  /**
   * Runs to the end of the trace.
   *
   * @throws ErrnoException EINVAL for a trace that is damaged, or lacks the data of a write, or a
   *     target that is smaller than the traced device; else what the target throws
   */
  public void run() throws IOException {
    if (!options.dryRun()) {
      checkSize();
    }
    TraceRecord bio = null;
    while (bioCount < options.countMax() && (bio = trace.next()) != null) {
      bioCount++;
      highestSequence = Math.max(highestSequence, bio.sequence());
      if (bio.errnoNumber() == 0) {
        redo(bio);
      } else if (bio.op().modifiesData()) {
        failedCount++;
      }
    }
  }

  private void checkSize() throws ErrnoException {
    long sizeBytes = target.geometry().sizeBytes();
    long wantedBytes = trace.header().deviceBytes();
    if (sizeBytes < wantedBytes) {
      throw new ErrnoException(
          Errno.EINVAL,
          "the target has "
              + sizeBytes
              + " bytes, and the traced device "
              + wantedBytes
              + "; replay onto a copy of it, from when the trace began");
    }
  }

  private void redo(TraceRecord bio) throws ErrnoException {
    if (bio.op() == BioOp.READ) {
      if (options.verify() && bio.payload() != Payload.NONE) {
        verify(bio);
      }
      return;
    }
    if (bio.op() == BioOp.FLUSH) {
      flushCount++;
      submit(own.flush());
      return;
    }
    if (bio.op() == BioOp.DISCARD && options.keepDiscarded()) {
      return;
    }
    if (bio.op() == BioOp.WRITE && bio.data() == null) {
      missingCount++;
      if (options.dryRun()) {
        return;
      }
      throw new ErrnoException(
          Errno.EINVAL,
          "bio "
              + bio.sequence()
              + ", "
              + bio.opWord()
              + " "
              + bio.offsetBytes()
              + "+"
              + bio.lengthBytes()
              + ": the trace has not its data. Record with data=full, and a buffer of more than"
              + " twice the longest write");
    }
    changeCount++;
    changedBytes += bio.lengthBytes();
    submit(
        bio.op() == BioOp.WRITE
            ? own.write(bio.offsetBytes(), bio.data(), 0)
            : own.writeZeroes(bio.offsetBytes(), bio.lengthBytes(), 0));
  }

  private void submit(Bio bio) throws ErrnoException {
    if (!options.dryRun()) {
      target.submit(bio);
    }
  }

  private void verify(TraceRecord bio) throws ErrnoException {
    if (bio.lengthBytes() > READ_MAX_BYTES) {
      throw new ErrnoException(
          Errno.EINVAL,
          "a read of " + bio.lengthBytes() + " bytes; the limit is " + READ_MAX_BYTES);
    }
    if (options.dryRun()) {
      return;
    }
    ByteBuffer data = ByteBuffer.allocate((int) bio.lengthBytes());
    target.submit(own.read(bio.offsetBytes(), data));
    sum.reset();
    sum.update(data.flip());
    verifiedCount++;
    if ((int) sum.getValue() != bio.crc()) {
      mismatchCount++;
      if (firstMismatch.isEmpty()) {
        firstMismatch = bio.line();
      }
    }
  }

  /** Reads that returned other bytes than the trace's did. */
  public long mismatchCount() {
    return mismatchCount;
  }

  /** Bios that were done, or would have been, at least: what the trace has lost is not in it. */
  public long bioCount() {
    return bioCount;
  }

  /** What was done, a line for each kind. */
  public String report() {
    StringBuilder text = new StringBuilder();
    line(text, "bios", bioCount);
    line(text, "changes", changeCount);
    line(text, "changed_bytes", changedBytes);
    line(text, "flushes", flushCount);
    if (options.verify()) {
      line(text, "reads_verified", verifiedCount);
      line(text, "reads_different", mismatchCount);
    }
    line(text, "failed_changes_left_out", failedCount);
    line(text, "writes_without_data", missingCount);
    if (bioCount < options.countMax()) {
      line(text, "bios_missing_in_trace", highestSequence + 1 - bioCount);
      text.append("trace_complete: ").append(trace.complete()).append('\n');
    }
    if (!firstMismatch.isEmpty()) {
      text.append("first_different: ").append(firstMismatch).append('\n');
    }
    return text.toString();
  }

  private static void line(StringBuilder text, String name, long value) {
    text.append(name).append(": ").append(value).append('\n');
  }
}
