package io.sluice.registry;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import java.util.Map;
import java.util.Optional;

/**
 * What stands in a filter's place while its bundle is replaced, and from then on if it does not
 * come back. No bio meets it: the device is held back, and then it is put aside.
 */
final class StandIn implements Filter {
  /** What every stand-in is made by; holds on to no bundle's classes. */
  private static final FilterOperations OPERATIONS =
      new FilterOperations() {
        @Override
        public String name() {
          return "stand-in";
        }

        @Override
        public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
          throw new ErrnoException(Errno.ENOTSUP, "a stand-in is not attached by name");
        }
      };

  private static final LinkTailor LINKS = new LinkTailor();

  /** What attaches the filter that it stands in for. */
  private final AttachRequest request;

  private StandIn(AttachRequest request) {
    this.request = request;
  }

  /**
   * Makes one for a filter in its device's chain, which the request attaches again. Its commands
   * are closed, so that who sends one waits for the successor.
   */
  static AttachedFilter of(AttachedFilter filter, LiveDevice device, AttachRequest request) {
    FilterTable.Entry entry = filter.entry;
    LowerDevice lower =
        new LowerDevice(
            entry.name(), device.name, device.chain().below(filter.altitude), device.stacks);
    AttachedFilter standIn =
        new AttachedFilter(
            new FilterTable.Entry(
                OPERATIONS, entry.name(), entry.altitude(), entry.ops(), entry.provider(), LINKS),
            filter.terms,
            new AttachedFilter.Host(device.name, device.origin, lower),
            new StandIn(request),
            device.stacks);
    standIn.commands.close();
    return standIn;
  }

  /** What attaches the filter that is stood in for; empty if this one is no stand-in. */
  static Optional<AttachRequest> request(AttachedFilter filter) {
    return filter.filter() instanceof StandIn standIn
        ? Optional.of(standIn.request)
        : Optional.empty();
  }

  static boolean is(AttachedFilter filter) {
    return filter.entry.operations() == OPERATIONS;
  }

  @Override
  public void submit(Bio bio, BlockDevice next) throws ErrnoException {
    throw new ErrnoException(Errno.EIO, bio + ": the filter's bundle is being replaced");
  }
}
