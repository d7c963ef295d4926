package io.sluice.trace.format;

import java.util.Locale;
import java.util.Optional;

/** What a trace keeps of the data that bios carry. */
public enum Payload {
  /** Nothing. */
  NONE(0),
  /** The CRC-32C of what was read or written. */
  CRC(1),
  /** What was written, and the CRC-32C of both. */
  FULL(2);

  final int code;

  Payload(int code) {
    this.code = code;
  }

  /** As it is in the file. */
  public byte code() {
    return (byte) code;
  }

  /** What a code of a file means; empty for one of a later version. */
  public static Optional<Payload> ofCode(int code) {
    for (Payload payload : values()) {
      if (payload.code == code) {
        return Optional.of(payload);
      }
    }
    return Optional.empty();
  }

  /** As it is typed. */
  public static Optional<Payload> ofWord(String word) {
    for (Payload payload : values()) {
      if (payload.name().toLowerCase(Locale.ROOT).equals(word)) {
        return Optional.of(payload);
      }
    }
    return Optional.empty();
  }
}
