package io.sluice.trace.recorder;

import io.sluice.block.BioOp;
import io.sluice.trace.format.FioLog;
import io.sluice.trace.format.TraceFormat;
import io.sluice.trace.format.TraceHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** How records become bytes of a file. Used by the writer's thread alone. */
interface TraceSink {
  /** What the file begins with. */
  ByteBuffer begin();

  /** Whole records, as they are to be in the file. Valid until the next call. */
  ByteBuffer encode(ByteBuffer records);

  /**
   * What the file ends with.
   *
   * @param bioCount bios that are in the file
   * @param droppedCount bios that could not be written
   * @param endNanos since the trace began
   */
  ByteBuffer end(long bioCount, long droppedCount, long endNanos);

  /** The file's own format: records go as they are. */
  static TraceSink binary(TraceHeader header) {
    return new TraceSink() {
      @Override
      public ByteBuffer begin() {
        return header.encode();
      }

      @Override
      public ByteBuffer encode(ByteBuffer records) {
        return records;
      }

      @Override
      public ByteBuffer end(long bioCount, long droppedCount, long endNanos) {
        ByteBuffer end =
            ByteBuffer.allocate(TraceFormat.RECORD_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        end.putInt(TraceFormat.AT_RECORD_BYTES, TraceFormat.RECORD_BYTES);
        end.put(TraceFormat.AT_KIND, TraceFormat.KIND_END);
        end.putLong(TraceFormat.AT_SEQUENCE, bioCount);
        end.putLong(TraceFormat.AT_START_NANOS, endNanos);
        end.putLong(TraceFormat.AT_OFFSET, droppedCount);
        return end;
      }
    };
  }

  /** Text for fio; bios that failed are left out, for fio would not repeat the failure. */
  static TraceSink fio(String deviceName) {
    FioLog log = new FioLog(deviceName);
    StringBuilder text = new StringBuilder();
    return new TraceSink() {
      @Override
      public ByteBuffer begin() {
        return encoded(log.begin());
      }

      @Override
      public ByteBuffer encode(ByteBuffer records) {
        text.setLength(0);
        int at = records.position();
        while (at < records.limit()) {
          BioOp op = TraceFormat.opOf(records.get(at + TraceFormat.AT_OP)).orElseThrow();
          if (records.getInt(at + TraceFormat.AT_ERRNO) == 0) {
            text.append(
                log.line(
                    records.getLong(at + TraceFormat.AT_START_NANOS),
                    op,
                    records.getLong(at + TraceFormat.AT_OFFSET),
                    records.getLong(at + TraceFormat.AT_LENGTH)));
          }
          at += records.getInt(at + TraceFormat.AT_RECORD_BYTES);
        }
        return encoded(text);
      }

      @Override
      public ByteBuffer end(long bioCount, long droppedCount, long endNanos) {
        return encoded(log.end(endNanos));
      }

      private ByteBuffer encoded(CharSequence chars) {
        return StandardCharsets.UTF_8.encode(chars.toString());
      }
    };
  }
}
