package io.sluice.simulator.schedule;

/** A property that did not hold. The text starts with the property's name: {@code "P2 image"}. */
public final class SimFailure extends AssertionError {
  private static final long serialVersionUID = 1L;

  /** With the property's name in front. */
  public SimFailure(String text) {
    super(text);
  }

  /** As above, keeping what was thrown. */
  public SimFailure(String text, Throwable cause) {
    super(text, cause);
  }
}
