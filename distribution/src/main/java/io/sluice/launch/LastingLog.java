package io.sluice.launch;

import java.util.logging.LogManager;

/**
 * Keeps the log going while the agent stops. The platform's log manager drops its handlers in a
 * shutdown hook of its own, which runs beside the one that stops the bundles. Named on the command
 * line by {@code java.util.logging.manager}.
 */
public final class LastingLog extends LogManager {
  /** Made by the platform. */
  public LastingLog() {}

  /** Does nothing: all handlers write through, so none needs to be closed. */
  @Override
  public void reset() {}
}
