package io.sluice.shell.wire;

import java.io.IOException;

/** What arrived on the control socket is not the protocol. */
public final class MalformedFrameException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * @param text what is wrong, with the actual value and the limit
   */
  public MalformedFrameException(String text) {
    super(text);
  }
}
