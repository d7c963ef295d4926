package io.sluice.pin;

/** A bundle can't be pinned now: it is not active, is being taken down, or all shuts down. */
public final class PinException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * A refusal.
   *
   * @param message which bundle, and why
   */
  public PinException(String message) {
    super(message);
  }
}
