package io.sluice.trace.format;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * How a trace file begins.
 *
 * @param startMicros when the trace began, in microseconds since 1970
 * @param deviceBytes the device's size
 * @param blockBytes the device's block size
 * @param payload what is kept of the data
 * @param deviceName the device's name, at most {@link TraceFormat#NAME_MAX_BYTES} bytes
 */
public record TraceHeader(
    long startMicros, long deviceBytes, int blockBytes, Payload payload, String deviceName) {

  /** The header as it is in the file, ready to be written. */
  public ByteBuffer encode() {
    ByteBuffer bytes = ByteBuffer.allocate(TraceFormat.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    byte[] name = deviceName.getBytes(StandardCharsets.UTF_8);
    int nameBytes = Math.min(name.length, TraceFormat.NAME_MAX_BYTES);
    bytes
        .putLong(TraceFormat.AT_MAGIC, TraceFormat.MAGIC)
        .putInt(TraceFormat.AT_VERSION, TraceFormat.VERSION)
        .putInt(TraceFormat.AT_HEADER_BYTES, TraceFormat.HEADER_BYTES)
        .putLong(TraceFormat.AT_START_MICROS, startMicros)
        .putLong(TraceFormat.AT_DEVICE_BYTES, deviceBytes)
        .putInt(TraceFormat.AT_BLOCK_BYTES, blockBytes)
        .putInt(TraceFormat.AT_PAYLOAD, payload.code)
        .putInt(TraceFormat.AT_NAME_BYTES, nameBytes)
        .put(TraceFormat.AT_NAME, name, 0, nameBytes);
    return bytes;
  }

  /**
   * Reads a header.
   *
   * @param bytes {@link TraceFormat#HEADER_BYTES} of them, from position 0
   * @throws ErrnoException EINVAL for what is no trace; ENOTSUP for one of another version
   */
  static TraceHeader decode(ByteBuffer bytes) throws ErrnoException {
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.limit() < TraceFormat.HEADER_BYTES
        || bytes.getLong(TraceFormat.AT_MAGIC) != TraceFormat.MAGIC) {
      throw new ErrnoException(Errno.EINVAL, "this is no trace: it does not begin with SLUICETR");
    }
    int version = bytes.getInt(TraceFormat.AT_VERSION);
    int headerBytes = bytes.getInt(TraceFormat.AT_HEADER_BYTES);
    if (version != TraceFormat.VERSION || headerBytes != TraceFormat.HEADER_BYTES) {
      throw new ErrnoException(
          Errno.ENOTSUP,
          "a trace of version "
              + version
              + ", and this reads version "
              + TraceFormat.VERSION
              + "; take the sluice-trace of the agent that wrote it");
    }
    int nameBytes = bytes.getInt(TraceFormat.AT_NAME_BYTES);
    int payload = bytes.getInt(TraceFormat.AT_PAYLOAD);
    if (nameBytes < 0 || nameBytes > TraceFormat.NAME_MAX_BYTES) {
      throw new ErrnoException(Errno.EINVAL, "the trace's header: a name of " + nameBytes);
    }
    byte[] name = new byte[nameBytes];
    bytes.get(TraceFormat.AT_NAME, name);
    return new TraceHeader(
        bytes.getLong(TraceFormat.AT_START_MICROS),
        bytes.getLong(TraceFormat.AT_DEVICE_BYTES),
        bytes.getInt(TraceFormat.AT_BLOCK_BYTES),
        Payload.ofCode(payload)
            .orElseThrow(
                () -> new ErrnoException(Errno.EINVAL, "the trace's header: payload " + payload)),
        new String(name, StandardCharsets.UTF_8));
  }
}
