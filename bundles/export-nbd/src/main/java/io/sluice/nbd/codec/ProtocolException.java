package io.sluice.nbd.codec;

/** The client broke the protocol in a way that leaves nothing but to end the connection. */
public final class ProtocolException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what came, and what the protocol asks for
   */
  public ProtocolException(String message) {
    super(message);
  }
}
