package io.sluice.trace.format;

import io.sluice.block.BioOp;
import java.util.Optional;

/** Where what is in a trace file, version 1. All numbers are little-endian. */
public final class TraceFormat {
  /** The first eight bytes: {@code SLUICETR}. */
  public static final long MAGIC = 0x5254454349554c53L;

  public static final int VERSION = 1;

  /** The file's header; the records begin after it. */
  public static final int HEADER_BYTES = 128;

  /** The most bytes of a device's name in the header. */
  public static final int NAME_MAX_BYTES = 64;

  /** A record without its payload. Records are multiples of {@link #ALIGNMENT_BYTES}. */
  public static final int RECORD_BYTES = 64;

  public static final int ALIGNMENT_BYTES = 8;

  /** The longest record that a reader takes; no bio of a network client is that long. */
  public static final int RECORD_MAX_BYTES = 128 << 20;

  // Offsets in the header.
  static final int AT_MAGIC = 0;
  static final int AT_VERSION = 8;
  static final int AT_HEADER_BYTES = 12;
  static final int AT_START_MICROS = 16;
  static final int AT_DEVICE_BYTES = 24;
  static final int AT_BLOCK_BYTES = 32;
  static final int AT_PAYLOAD = 36;
  static final int AT_NAME_BYTES = 40;
  static final int AT_NAME = 44;

  // Offsets in a record.
  public static final int AT_RECORD_BYTES = 0;
  public static final int AT_KIND = 4;
  public static final int AT_OP = 5;
  public static final int AT_FLAGS = 6;
  public static final int AT_RECORD_PAYLOAD = 7;
  public static final int AT_SEQUENCE = 8;
  public static final int AT_START_NANOS = 16;
  public static final int AT_DURATION_NANOS = 24;
  public static final int AT_OFFSET = 32;
  public static final int AT_LENGTH = 40;
  public static final int AT_ERRNO = 48;
  public static final int AT_CRC = 52;
  public static final int AT_STREAM = 56;

  /** A record of one bio. */
  public static final byte KIND_BIO = 1;

  /** The last record: {@link #AT_SEQUENCE} counts the bios, {@link #AT_OFFSET} those dropped. */
  public static final byte KIND_END = 2;

  private TraceFormat() {}

  /** How an operation is written down. Never the enum's own number, which may change. */
  public static byte codeOf(BioOp op) {
    return switch (op) {
      case READ -> 1;
      case WRITE -> 2;
      case FLUSH -> 3;
      case DISCARD -> 4;
      case WRITE_ZEROES -> 5;
    };
  }

  /** The operation that is written down so; empty for a code of a later version. */
  public static Optional<BioOp> opOf(byte code) {
    for (BioOp op : BioOp.values()) {
      if (codeOf(op) == code) {
        return Optional.of(op);
      }
    }
    return Optional.empty();
  }

  /** The length of a record with a payload, padded. */
  public static long recordBytes(long payloadBytes) {
    return (RECORD_BYTES + payloadBytes + ALIGNMENT_BYTES - 1) & -ALIGNMENT_BYTES;
  }
}
