package io.sluice.nbd.codec;

/** An option's data are not what the option asks for; answered with ERR_INVALID. */
public final class MalformedOptionException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong, with the value and the limit
   */
  public MalformedOptionException(String message) {
    super(message);
  }
}
