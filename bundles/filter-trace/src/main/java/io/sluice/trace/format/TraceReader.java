package io.sluice.trace.format;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.util.zip.CRC32C;

/**
 * Reads a trace from its start. A trace that just ends, because the agent was killed or still
 * writes, is read up to its last whole record; see {@link #complete}. Not thread-safe.
 */
public final class TraceReader implements Closeable {
  private static final int BUFFER_BYTES = 1 << 20;

  private final ReadableByteChannel channel;
  private final TraceHeader header;
  private final CRC32C crc = new CRC32C();

  /** Read and not yet used up, position to limit. */
  private ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);

  private long recordCount;
  private long droppedCount;
  private boolean complete;

  /**
   * Reads the header.
   *
   * @param channel closed by {@link #close}
   * @throws ErrnoException EINVAL for what is no trace, ENOTSUP for one of another version
   */
  public TraceReader(ReadableByteChannel channel) throws IOException {
    this.channel = channel;
    if (!fill(TraceFormat.HEADER_BYTES)) {
      throw new ErrnoException(Errno.EINVAL, "this is no trace: it is shorter than its header");
    }
    header = TraceHeader.decode(buffer.slice(buffer.position(), TraceFormat.HEADER_BYTES));
    buffer.position(buffer.position() + TraceFormat.HEADER_BYTES);
  }

  public TraceHeader header() {
    return header;
  }

  /** Whether the trace was ended in order. Known when {@link #next} has returned null. */
  public boolean complete() {
    return complete;
  }

  /** How many bios the recorder could not write. Known if {@link #complete}. */
  public long droppedCount() {
    return droppedCount;
  }

  /**
   * The next bio, in the order of completion; null at the end.
   *
   * @throws ErrnoException EINVAL for a record that makes no sense, with its number
   */
  public TraceRecord next() throws IOException {
    if (complete || !fill(TraceFormat.RECORD_BYTES)) {
      return null;
    }
    int recordBytes = buffer.getInt(buffer.position());
    if (recordBytes < TraceFormat.RECORD_BYTES
        || recordBytes > TraceFormat.RECORD_MAX_BYTES
        || recordBytes % TraceFormat.ALIGNMENT_BYTES != 0) {
      throw wrong("a length of " + recordBytes + " bytes");
    }
    if (!fill(recordBytes)) {
      return null;
    }
    ByteBuffer bytes = buffer.slice(buffer.position(), recordBytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.position(buffer.position() + recordBytes);
    byte kind = bytes.get(TraceFormat.AT_KIND);
    if (kind == TraceFormat.KIND_END) {
      complete = true;
      droppedCount = bytes.getLong(TraceFormat.AT_OFFSET);
      return null;
    }
    if (kind != TraceFormat.KIND_BIO) {
      throw wrong("kind " + kind);
    }
    TraceRecord bio = bio(bytes);
    recordCount++;
    return bio;
  }

  private TraceRecord bio(ByteBuffer bytes) throws ErrnoException {
    byte code = bytes.get(TraceFormat.AT_OP);
    BioOp op = TraceFormat.opOf(code).orElseThrow(() -> wrong("operation " + code));
    byte payloadCode = bytes.get(TraceFormat.AT_RECORD_PAYLOAD);
    Payload payload =
        Payload.ofCode(payloadCode).orElseThrow(() -> wrong("payload " + payloadCode));
    long offsetBytes = bytes.getLong(TraceFormat.AT_OFFSET);
    long lengthBytes = bytes.getLong(TraceFormat.AT_LENGTH);
    if (offsetBytes < 0 || lengthBytes < 0 || lengthBytes > Long.MAX_VALUE - offsetBytes) {
      throw wrong("range " + offsetBytes + "+" + lengthBytes);
    }
    ByteBuffer data = null;
    int sum = bytes.getInt(TraceFormat.AT_CRC);
    if (payload == Payload.FULL) {
      if (TraceFormat.recordBytes(lengthBytes) != bytes.limit()) {
        throw wrong(lengthBytes + " bytes of data in a record of " + bytes.limit());
      }
      data = bytes.slice(TraceFormat.RECORD_BYTES, (int) lengthBytes);
      crc.reset();
      crc.update(data.duplicate());
      if ((int) crc.getValue() != sum) {
        throw wrong("its data do not have the checksum that it tells");
      }
    }
    return new TraceRecord(
        bytes.getLong(TraceFormat.AT_SEQUENCE),
        bytes.getLong(TraceFormat.AT_START_NANOS),
        bytes.getLong(TraceFormat.AT_DURATION_NANOS),
        op,
        bytes.get(TraceFormat.AT_FLAGS),
        offsetBytes,
        lengthBytes,
        bytes.getInt(TraceFormat.AT_ERRNO),
        bytes.getLong(TraceFormat.AT_STREAM),
        payload,
        sum,
        data);
  }

  private ErrnoException wrong(String what) {
    return new ErrnoException(
        Errno.EINVAL, "the trace is damaged: record " + (recordCount + 1) + " has " + what);
  }

  /** Sees to it that some bytes are in the buffer; false if the file ends before. */
  private boolean fill(int wantedBytes) throws IOException {
    if (buffer.remaining() >= wantedBytes) {
      return true;
    }
    // The length was checked, but a file that lies gets no more memory than it has bytes to show.
    if (wantedBytes > buffer.capacity()) {
      int roomBytes = Math.min(2 * buffer.capacity(), TraceFormat.RECORD_MAX_BYTES);
      buffer = ByteBuffer.allocate(roomBytes).order(ByteOrder.LITTLE_ENDIAN).put(buffer);
    } else {
      buffer.compact();
    }
    boolean ended = false;
    while (!ended && buffer.hasRemaining()) {
      ended = channel.read(buffer) < 0;
    }
    buffer.flip();
    return buffer.remaining() >= wantedBytes || (!ended && fill(wantedBytes));
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
