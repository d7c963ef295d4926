package io.sluice.shell.control;

import java.time.Duration;

/**
 * How long the agent bears with a client.
 *
 * @param handshake from the connection to the whole request
 * @param stall of output that the client does not take; long, for a pager may stand on the other
 *     end
 */
record ClientLimits(Duration handshake, Duration stall) {
  static final ClientLimits DEFAULT =
      new ClientLimits(Duration.ofSeconds(5), Duration.ofMinutes(30));
}
