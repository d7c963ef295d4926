package io.sluice.registry;

import static java.lang.System.Logger.Level.ERROR;
import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.Filter;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/** Puts filters into chains and takes them out, with the device frozen. Thread-safe. */
@SuppressWarnings("try") // Turns, freezes and held devices are there to be closed, not to be used.
final class ChainSwitch {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  private final FilterTable filters;
  private final long drainLimitNanos;
  private final LongSupplier nanoClock;

  ChainSwitch(FilterTable filters, long drainLimitNanos, LongSupplier nanoClock) {
    this.filters = filters;
    this.drainLimitNanos = drainLimitNanos;
    this.nanoClock = nanoClock;
  }

  /** Attaches a filter that the caller has marked as used; on failure the caller cancels that. */
  void attach(LiveDevice device, FilterTable.Use use) throws ErrnoException {
    FilterTable.Entry entry = use.entry;
    AttachRequest request = use.request;
    String task = "filter attach " + device.name + " " + entry.name();
    Terms terms = Terms.of(entry, request, task);
    int altitude = terms.altitude();
    if (device.chain().find(entry.name()).filter(StandIn::is).isPresent()) {
      // Said at once: its turn may be taken until the successor, which may be asking, is up.
      throw alreadyAttached(task);
    }
    try (Turns turns = Turns.take(List.of(device), task + " on", drainLimitNanos)) {
      checkPlace(device, entry.name(), altitude, task);
      terms.check(task);
      try (Freeze freeze = freeze(device, task);
          HeldLowerDevices held = holdLowerDevices(altitude, device, task)) {
        AttachedFilter attached = create(device, entry, terms, task);
        device.switchTo(device.chain().with(attached));
        filters.attached(use);
      }
    }
    LOG.log(INFO, "filter {0} attached to {1}", entry.name(), device.name);
  }

  private void checkPlace(LiveDevice device, String filter, int altitude, String task)
      throws ErrnoException {
    if (device.isLeaving()) {
      throw new ErrnoException(Errno.ENODEV, task + ": the device is being removed");
    }
    if (!device.loss.reason().isEmpty()) {
      throw device.loss.error(task);
    }
    if (device.chain().find(filter).isPresent()) {
      throw alreadyAttached(task);
    }
    for (AttachedFilter other : device.chain().filters()) {
      if (other.altitude == altitude) {
        throw new ErrnoException(
            Errno.EBUSY,
            task
                + ": filter "
                + other.name()
                + " is at altitude "
                + altitude
                + "; choose another altitude");
      }
    }
  }

  private static ErrnoException alreadyAttached(String task) {
    return new ErrnoException(Errno.EALREADY, task + ": it is attached already");
  }

  /** Has the filter made, with the device frozen; it is in no chain yet. */
  AttachedFilter create(LiveDevice device, FilterTable.Entry entry, Terms terms, String task)
      throws ErrnoException {
    Link below = device.chain().below(terms.altitude());
    LowerDevice lower = new LowerDevice(entry.name(), device.name, below, device.stacks);
    AttachedFilter.Host host = new AttachedFilter.Host(device.name, device.origin, lower);
    try {
      Filter filter = entry.operations().attach(host, terms.options());
      if (filter == null) {
        throw new NullPointerException("attach returned no filter");
      }
      return new AttachedFilter(entry, terms, host, filter, device.stacks);
    } catch (ErrnoException e) {
      retire(device, lower);
      throw e;
    } catch (Throwable fault) {
      retire(device, lower);
      String text = task + ": filter " + entry.name() + " failed in attach: " + OneLine.of(fault);
      Faults.log(LOG, ERROR, text, fault);
      throw new ErrnoException(Errno.EIO, text, fault);
    }
  }

  /** Detaches one filter by name, or throws and leaves everything as it was. */
  void detach(LiveDevice device, String filter) throws ErrnoException {
    String task = "filter detach " + device.name + " " + OneLine.of(filter);
    // Asked without the turn: the answer may take its time, and may freeze the device itself.
    find(device, filter, task).checkDetach();
    try (Turns turns = Turns.take(List.of(device), task + " from", drainLimitNanos)) {
      AttachedFilter attached = find(device, filter, task);
      attached.commands.close();
      try {
        if (!attached.commands.awaitDrained(drainLimitNanos)) {
          throw new ErrnoException(
              Errno.EAGAIN,
              task
                  + ": a control command of it was still running after "
                  + Turns.limitText(drainLimitNanos)
                  + ", the limit; try again");
        }
        detachFrozen(device, attached, true, task);
      } finally {
        attached.commands.open();
      }
    }
  }

  private void detachFrozen(LiveDevice device, AttachedFilter attached, boolean ask, String task)
      throws ErrnoException {
    ErrnoException fault = null;
    try (Freeze freeze = freeze(device, task);
        HeldLowerDevices held = holdLowerDevices(attached.altitude, device, task)) {
      if (ask) {
        attached.checkDetach();
      }
      quiesce(attached.lower, drainLimitNanos, task);
      device.switchTo(device.chain().without(attached));
      attached.commands.shut();
      try {
        attached.detach();
      } catch (ErrnoException e) {
        fault = e;
      }
      retire(device, attached.lower);
      filters.release(attached.entry, device.name);
    }
    LOG.log(INFO, "filter {0} detached from {1}", attached.name(), device.name);
    if (fault != null) {
      throw fault;
    }
  }

  /**
   * Detaches a filter whose bundle is stopping, without asking it. One that does not come to rest
   * in time is put aside where it is.
   */
  void detachAnyway(LiveDevice device, FilterTable.Use use) {
    String task = "filter detach " + device.name + " " + use.entry.name();
    Optional<AttachedFilter> found =
        device.chain().find(use.entry.name()).filter(attached -> attached.entry.equals(use.entry));
    if (found.isEmpty()) {
      return;
    }
    AttachedFilter attached = found.get();
    attached.commands.shut();
    try (Turns turns = Turns.take(List.of(device), task + " from", drainLimitNanos)) {
      if (!device.chain().filters().contains(attached)) {
        return;
      }
      if (!attached.commands.awaitDrained(drainLimitNanos)) {
        LOG.log(WARNING, "{0}: a control command of it is still running", task);
      }
      detachFrozen(device, attached, false, task);
    } catch (ErrnoException e) {
      if (device.chain().filters().contains(attached)) {
        attached.putAside("its bundle was stopped; " + e.text());
        filters.release(attached.entry, device.name);
      }
    }
  }

  /**
   * The filter named.
   *
   * @throws ErrnoException ENOENT if the device has no filter, EINVAL if it has only others
   */
  static AttachedFilter find(LiveDevice device, String filter, String task) throws ErrnoException {
    Chain chain = device.chain();
    if (chain.filters().isEmpty()) {
      throw new ErrnoException(Errno.ENOENT, task + ": no filter is attached to the device");
    }
    return chain
        .find(filter)
        .orElseThrow(
            () ->
                new ErrnoException(
                    Errno.EINVAL,
                    task
                        + ": it is not attached to the device; attached: "
                        + String.join(
                            ", ", chain.filters().stream().map(AttachedFilter::name).toList())));
  }

  private Freeze freeze(LiveDevice device, String task) throws ErrnoException {
    return Freeze.start(List.of(device), task + " on", drainLimitNanos, nanoClock, () -> {});
  }

  private HeldLowerDevices holdLowerDevices(int altitude, LiveDevice device, String task)
      throws ErrnoException {
    return HeldLowerDevices.above(altitude, device, task, drainLimitNanos, nanoClock);
  }

  /** Shows that the filter's own bios come to an end, and leaves its lower device open. */
  static void quiesce(LowerDevice lower, long limitNanos, String task) throws ErrnoException {
    lower.gate.close();
    try {
      if (!lower.gate.awaitDrained(limitNanos)) {
        throw HeldLowerDevices.hung(lower, task, limitNanos);
      }
    } finally {
      lower.gate.open();
    }
  }

  /**
   * Ends a lower device. Bios that a filter has left in it against the rules are not waited for for
   * ever; whoever changes the chain next waits for them first.
   */
  void retire(LiveDevice device, LowerDevice lower) {
    lower.gate.shut();
    if (!lower.gate.awaitDrained(drainLimitNanos)) {
      device.lingering.add(lower);
      LOG.log(
          WARNING,
          "filter {0} has left {1} with bios of its own in flight",
          lower.filter,
          device.name);
    }
  }

  /**
   * Takes a device apart that is going away whoever uses it: shuts it for good, then detaches its
   * filters from high to low without asking them. The caller has withdrawn the device.
   */
  void dismantle(LiveDevice device) {
    device.leaveAnyway();
    device.gate.shut();
    try (Turns turns = Turns.take(List.of(device), "device remove", drainLimitNanos)) {
      dismantleShut(device);
    } catch (ErrnoException e) {
      LOG.log(WARNING, "device {0} goes away all the same: {1}", device.name, e.getMessage());
      dismantleShut(device);
    }
  }

  private void dismantleShut(LiveDevice device) {
    boolean drained = device.gate.awaitDrained(drainLimitNanos);
    if (!drained) {
      LOG.log(ERROR, "device {0} goes away with bios still in flight", device.name);
    }
    for (AttachedFilter attached : device.chain().filters()) {
      attached.commands.shut();
      try {
        // A filter that still works on a bio can't be told that no call is running.
        if (drained && attached.commands.awaitDrained(drainLimitNanos)) {
          attached.detach();
        }
      } catch (ErrnoException e) {
        LOG.log(WARNING, "device {0} goes away: {1}", device.name, e.getMessage());
      }
      retire(device, attached.lower);
      filters.release(attached.entry, device.name);
    }
    device.switchTo(device.chain().empty());
  }
}
