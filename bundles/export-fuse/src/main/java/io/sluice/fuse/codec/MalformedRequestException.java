package io.sluice.fuse.codec;

/** What came is no request of this protocol. The message says what is wrong with it. */
public final class MalformedRequestException extends Exception {
  private static final long serialVersionUID = 1L;

  MalformedRequestException(String message) {
    super(message);
  }
}
