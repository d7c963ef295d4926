package io.sluice.filter;

import io.sluice.block.BioOp;
import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * One kind of filter, as it is registered: blkfilter's {@code blkfilter_operations}. The {@link
 * Filter}s that {@link #attach} makes are the instances, one for each device.
 */
@ConsumerType
public interface FilterOperations {
  /** The most bytes of a name, in UTF-8. Names equal in their first 32 bytes collide. */
  int NAME_MAX_BYTES = 32;

  /** The name users attach by: 1 to {@link #NAME_MAX_BYTES} bytes, without blanks or slashes. */
  String name();

  /**
   * Where the filter stands in a chain if the user does not say: bios meet high altitudes first.
   * Two filters of one device can't have the same.
   */
  default int altitude() {
    return 1000;
  }

  /**
   * The operations the filter understands. WRITE_ZEROES reaches a filter that does not list it as
   * WRITEs of zeroes; DISCARD and whatever is added later is refused with ENOTSUP while it is
   * attached. Fixed for the life of the registration.
   */
  default Set<BioOp> ops() {
    return Set.of(BioOp.READ, BioOp.WRITE, BioOp.FLUSH);
  }

  /**
   * How long one bio may stay in the filter's own code, not counting what is below it. One that
   * stays longer is a fault: its thread is interrupted, and if that does not bring it back, the
   * filter is put aside and the bio can pass down no more.
   */
  default Duration callLimit() {
    return Duration.ofSeconds(30);
  }

  /** The options that {@link #attach} takes; the registry refuses others with EINVAL. */
  default List<Parameter> options() {
    return List.of();
  }

  /** The commands that {@link Filter#ctl} takes; the registry refuses others with ENOTTY. */
  default List<CtlCommand> commands() {
    return List.of();
  }

  /**
   * Makes the filter of one device. Called with the device frozen: no bio is in flight, and none
   * passes before this returns; so it must not take long, nor submit to the live device.
   *
   * @param host the device, valid until {@link Filter#detach} returns
   * @param options what the user gave as {@code key=value}, checked against {@link #options()}; see
   *     {@link Arguments#ofOptions}
   * @throws ErrnoException refuses the attachment; the device goes on without this filter
   */
  Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException;
}
