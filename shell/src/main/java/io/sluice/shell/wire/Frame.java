package io.sluice.shell.wire;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** One frame on the control socket. Owns its payload. */
public final class Frame {
  private final FrameType type;
  private final byte[] payload;

  Frame(FrameType type, byte[] payload) {
    this.type = type;
    this.payload = payload;
  }

  /** What it means. */
  public FrameType type() {
    return type;
  }

  /** The payload's bytes, not copied. */
  public byte[] payload() {
    return payload;
  }

  /** The payload as UTF-8. */
  public String text() {
    return new String(payload, StandardCharsets.UTF_8);
  }

  /**
   * The payload as a number.
   *
   * @throws MalformedFrameException if it is not 4 bytes
   */
  public int number() throws MalformedFrameException {
    if (payload.length != Integer.BYTES) {
      throw new MalformedFrameException(
          type + " frame of " + payload.length + " bytes, 4 are expected");
    }
    return ByteBuffer.wrap(payload).getInt();
  }
}
