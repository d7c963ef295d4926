package io.sluice.swap;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a provider hands to its successor. It has only types of the JDK, since the successor's
 * classes are others, of another version. Whoever has it owns what is in it: it is taken over
 * whole, or closed.
 *
 * @param format names the meaning of the rest, with a version: {@code "nbd-session/1"}; a successor
 *     that does not know it refuses it with ENOTSUP and leaves it untouched
 * @param properties plain values
 * @param channels open channels, in the format's order
 * @param parts what it is made of
 */
public record HandOver(
    String format, Map<String, String> properties, List<Channel> channels, List<HandOver> parts)
    implements AutoCloseable {
  /** Copies the collections. */
  public HandOver {
    properties = Map.copyOf(properties);
    channels = List.copyOf(channels);
    parts = List.copyOf(parts);
  }

  /**
   * Closes every channel, of the parts too; for what nobody takes over.
   *
   * @throws UncheckedIOException the first failure, after all were tried
   */
  @Override
  public void close() {
    List<IOException> failures = new ArrayList<>();
    closeInto(failures);
    if (!failures.isEmpty()) {
      throw new UncheckedIOException(failures.get(0));
    }
  }

  private void closeInto(List<IOException> failures) {
    for (Channel channel : channels) {
      try {
        channel.close();
      } catch (IOException e) {
        failures.add(e);
      }
    }
    parts.forEach(part -> part.closeInto(failures));
  }
}
