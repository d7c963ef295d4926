package io.sluice.filter;

import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Registers filters and keeps the chains. An OSGi service; all methods may be called from any
 * thread.
 *
 * <p>Attach and detach freeze the device: new bios wait, those in flight are drained, the chain is
 * switched, the device thaws. No bio is ever half filtered, and no client sees an error.
 */
@ProviderType
public interface FilterRegistry {
  /**
   * Makes a filter known.
   *
   * @throws ErrnoException EBUSY if a name equal in its first 32 bytes is registered; EINVAL for a
   *     name that is empty, longer than 32 bytes, or has a blank, a slash or a control character
   */
  void register(FilterOperations operations) throws ErrnoException;

  /**
   * Forgets a filter.
   *
   * @throws ErrnoException ENOENT if it is not registered; EBUSY, naming the devices, while it is
   *     attached
   */
  void unregister(FilterOperations operations) throws ErrnoException;

  /** The registered filters, by name. */
  List<FilterInfo> filters();

  /**
   * Attaches a filter to a live device. Checked in blkfilter's order:
   *
   * @throws ErrnoException ENOENT for a filter that is not registered; ENODEV for a device that is
   *     not there; EALREADY if this filter is attached to it; EBUSY if another one has the
   *     altitude; EAGAIN if the bios in flight do not drain in time; else what {@link
   *     FilterOperations#attach} throws. The chain is then as it was
   */
  void attach(AttachRequest request) throws ErrnoException;

  /**
   * Detaches a filter.
   *
   * @throws ErrnoException ENODEV for a device that is not there; ENOENT if no filter is attached
   *     to it; EINVAL if others are, but not this one; what {@link Filter#checkDetach} throws;
   *     EAGAIN if bios or commands do not end in time, or somebody else keeps the device frozen
   */
  void detach(String device, String filter) throws ErrnoException;

  /**
   * Hands a command to a filter; see {@link Filter#ctl}.
   *
   * @throws ErrnoException ENODEV, ENOENT, EINVAL as {@link #detach}; ENOTTY from a filter that
   *     does not know the command; else the filter's own
   */
  Map<String, Object> ctl(String device, String filter, String command, List<String> arguments)
      throws ErrnoException;

  /**
   * A device's chain, from high altitude to low.
   *
   * @throws ErrnoException ENODEV for a device that is not there
   */
  List<ChainEntry> chain(String device) throws ErrnoException;

  /**
   * Freezes several devices at one instant: all gates close before any is drained, so between two
   * bios of a client that waits for the first before it sends the second, the cut never falls on
   * the wrong side. The caller thaws soon: clients wait.
   *
   * @param devices names; taken in one order by all callers, so two freezes can't lock each other
   *     out
   * @param drainLimit how long bios in flight may take
   * @throws ErrnoException ENODEV for a device that is not there; EAGAIN if the bios in flight do
   *     not drain in time. Nothing is frozen then
   */
  Frozen freeze(Collection<String> devices, Duration drainLimit) throws ErrnoException;
}
