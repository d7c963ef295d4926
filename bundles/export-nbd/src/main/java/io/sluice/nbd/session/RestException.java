package io.sluice.nbd.session;

import java.io.IOException;

/**
 * The session is to come to rest, and the next bytes of its client have not come. Carries nothing,
 * so it has no stack trace either.
 */
final class RestException extends IOException {
  private static final long serialVersionUID = 1L;

  RestException() {
    super("the session comes to rest");
  }

  @Override
  public synchronized Throwable fillInStackTrace() {
    return this;
  }
}
