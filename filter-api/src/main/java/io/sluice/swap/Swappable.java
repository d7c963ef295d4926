package io.sluice.swap;

import io.sluice.block.ErrnoException;
import java.time.Duration;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A bundle that has a state of its own to hand to its successor, such as the connections of
 * clients. An OSGi service of the bundle that is swapped; without it, the state is lost.
 */
@ConsumerType
public interface Swappable {
  /**
   * Brings everything to rest and gives it away. The bundle is stopped next.
   *
   * @param limit how long calls that run may take to end
   * @throws ErrnoException EAGAIN if they do not end in time; everything goes on as before then
   */
  HandOver handOver(Duration limit) throws ErrnoException;

  /**
   * Takes over from a predecessor and goes on where it stopped. Called once, before anything else.
   *
   * @throws ErrnoException ENOTSUP for a format it does not know; the caller closes it then
   */
  void takeOver(HandOver handOver) throws ErrnoException;
}
