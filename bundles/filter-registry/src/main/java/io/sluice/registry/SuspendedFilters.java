package io.sluice.registry;

import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.swap.ProviderUser;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The filters of one bundle, taken out of every chain while the bundle is replaced. Their devices
 * are frozen from before they are detached until their successors are attached in the same places;
 * a stand-in keeps each place. Thread-safe.
 */
public final class SuspendedFilters implements ProviderUser.Suspended {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  /** What it works on. */
  record Parts(
      FilterTable filters, ChainSwitch chainSwitch, LiveDevices devices, LongSupplier nanoClock) {}

  /**
   * A filter in its place.
   *
   * @param use as which it is in the table
   */
  private record Place(LiveDevice device, AttachedFilter filter, FilterTable.Use use) {}

  /**
   * A place that waits.
   *
   * @param request what to attach there
   */
  private record Gap(LiveDevice device, AttachedFilter standIn, AttachRequest request) {
    String text() {
      return "filter " + request.filter() + " on device " + device.name;
    }
  }

  private final Parts parts;
  private final long bundleId;
  private final Consumer<SuspendedFilters> whenOver;

  /** What opens the devices again; run from the last to the first. Guarded by this. */
  private final Deque<Runnable> undo = new ArrayDeque<>();

  /** From low altitude to high on each device, since a filter may need those below it. */
  private final List<Gap> gaps = new ArrayList<>();

  /** Null if no device is involved. */
  private Freeze freeze;

  /** Written under this object's lock. */
  private volatile boolean over;

  private SuspendedFilters(Parts parts, long bundleId, Consumer<SuspendedFilters> whenOver) {
    this.parts = parts;
    this.bundleId = bundleId;
    this.whenOver = whenOver;
  }

  /** Suspends, or throws and leaves everything as it was. */
  static SuspendedFilters suspend(
      Parts parts, long bundleId, long limitNanos, Consumer<SuspendedFilters> whenOver)
      throws ErrnoException {
    SuspendedFilters suspended = new SuspendedFilters(parts, bundleId, whenOver);
    try {
      suspended.start(limitNanos);
      return suspended;
    } catch (ErrnoException | RuntimeException | Error e) {
      suspended.undoAll();
      throw e;
    }
  }

  private synchronized void start(long limitNanos) throws ErrnoException {
    String task = "bundle update " + bundleId;
    undo.push(() -> parts.filters.endLeaving(bundleId));
    if (!parts.filters.beginLeaving(bundleId, limitNanos)) {
      throw new ErrnoException(
          Errno.EAGAIN,
          task
              + ": a filter of it was still being attached after "
              + Turns.limitText(limitNanos)
              + ", the limit; try again");
    }
    for (Place place : places()) {
      // Asked without the turn: the answer may take its time, and may freeze the device itself.
      place.filter.checkDetach();
    }
    List<LiveDevice> involved = places().stream().map(Place::device).distinct().toList();
    if (involved.isEmpty()) {
      undoAll();
      over = true;
      return;
    }
    Turns turns = Turns.take(involved, task + ", device", limitNanos);
    undo.push(turns::close);
    // From here on nobody else changes the chains.
    List<Place> places = places();
    List<AttachRequest> requests = new ArrayList<>();
    for (Place place : places) {
      closeCommands(place.filter, task, limitNanos);
      requests.add(place.filter.again(place.use.request));
    }
    freeze = Freeze.start(involved, task + ", device", limitNanos, parts.nanoClock, () -> {});
    undo.push(freeze::close);
    for (LiveDevice device : involved) {
      holdBelow(device, places, task, limitNanos);
    }
    for (Place place : places) {
      place.filter.checkDetach();
    }
    takeOut(places, requests);
  }

  /** The bundle's filters in chains, by device, and from high altitude to low. */
  private List<Place> places() {
    TreeMap<String, LiveDevice> devices = new TreeMap<>();
    List<FilterTable.Use> uses = parts.filters.attachedOf(bundleId);
    for (FilterTable.Use use : uses) {
      parts.devices.lookUp(use.device()).ifPresent(device -> devices.put(device.name, device));
    }
    List<Place> places = new ArrayList<>();
    for (LiveDevice device : devices.values()) {
      for (AttachedFilter filter : device.chain().filters()) {
        for (FilterTable.Use use : uses) {
          if (use.entry.equals(filter.entry) && use.device().equals(device.name)) {
            places.add(new Place(device, filter, use));
          }
        }
      }
    }
    return places;
  }

  private void closeCommands(AttachedFilter filter, String task, long limitNanos)
      throws ErrnoException {
    filter.commands.close();
    undo.push(filter.commands::open);
    if (!filter.commands.awaitDrained(limitNanos)) {
      throw new ErrnoException(
          Errno.EAGAIN,
          task
              + ": a control command of filter "
              + filter.name()
              + " was still running after "
              + Turns.limitText(limitNanos)
              + ", the limit; try again");
    }
  }

  /**
   * Closes the lower devices of every filter above the lowest one that leaves, so that nothing is
   * read or written past a gap; and shows that the lowest one's own bios have ended.
   */
  private void holdBelow(LiveDevice device, List<Place> places, String task, long limitNanos)
      throws ErrnoException {
    List<AttachedFilter> leaving =
        places.stream().filter(place -> place.device == device).map(Place::filter).toList();
    if (leaving.isEmpty()) {
      return;
    }
    AttachedFilter lowest = leaving.get(leaving.size() - 1);
    HeldLowerDevices held =
        HeldLowerDevices.above(lowest.altitude, device, task, limitNanos, parts.nanoClock);
    undo.push(held::close);
    ChainSwitch.quiesce(lowest.lower, limitNanos, task);
  }

  /** Nothing fails from here on. */
  private void takeOut(List<Place> places, List<AttachRequest> requests) {
    for (int i = 0; i < places.size(); i++) {
      Place place = places.get(i);
      LiveDevice device = place.device;
      AttachedFilter standIn = StandIn.of(place.filter, device, requests.get(i));
      device.switchTo(device.chain().without(place.filter).with(standIn));
      gaps.add(0, new Gap(device, standIn, requests.get(i)));
    }
    for (Place place : places) {
      try {
        place.filter.detach();
      } catch (ErrnoException e) {
        LOG.log(WARNING, "bundle {0} is being replaced: {1}", bundleId, e.getMessage());
      }
      parts.chainSwitch.retire(place.device, place.filter.lower);
      parts.filters.release(place.use.entry, place.device.name);
    }
    // Before they are opened: whoever waits there goes to the successor's.
    undo.push(() -> places.forEach(place -> place.filter.commands.shut()));
  }

  /** Whether nothing is held back, or not any more. */
  public boolean isOver() {
    return over;
  }

  /** How long devices have been held back, in nanoseconds; 0 if none was. */
  public long heldNanos() {
    return freeze == null ? 0 : freeze.heldNanos();
  }

  /**
   * Attaches in each place what is registered under the name by now, and lets the devices go on.
   * Where nothing is, or it refuses, the attachment's policy holds: I/O goes past the place, or
   * fails until the stand-in is detached.
   *
   * @param limit how long to wait for all of the names together
   * @throws ErrnoException EIO if a place stays empty; the message says which, why, and what goes
   *     on
   */
  @Override
  public void resume(Duration limit) throws ErrnoException {
    parts.filters.endLeaving(bundleId);
    long startNanos = parts.nanoClock.getAsLong();
    List<String> failures = new ArrayList<>();
    for (Gap gap : gaps) {
      long leftNanos = limit.toNanos() - (parts.nanoClock.getAsLong() - startNanos);
      try {
        fill(gap, leftNanos);
      } catch (ErrnoException e) {
        giveUp(gap, e.getMessage());
        failures.add(gap.text() + ": " + e.getMessage() + consequence(gap));
      }
    }
    end();
    if (!failures.isEmpty()) {
      throw new ErrnoException(Errno.EIO, String.join("; ", failures));
    }
  }

  private static String consequence(Gap gap) {
    return switch (gap.request.onError()) {
      case BYPASS -> " (the device goes on without it)";
      case FAIL -> " (the device fails all I/O until it is detached)";
    };
  }

  private void fill(Gap gap, long limitNanos) throws ErrnoException {
    if (gap.device.isLeaving()) {
      return;
    }
    String name = gap.request.filter();
    if (!parts.filters.awaitRegistered(name, () -> over, limitNanos) || over) {
      throw new ErrnoException(
          Errno.ETIMEDOUT,
          "nothing registered as " + name + " within " + Turns.limitText(limitNanos));
    }
    FilterTable.Use use = parts.filters.use(gap.request);
    String task = "filter attach " + gap.device.name + " " + name;
    AttachedFilter successor;
    try {
      Terms terms = Terms.of(use.entry, gap.request, task);
      terms.check(task);
      successor = parts.chainSwitch.create(gap.device, use.entry, terms, task);
    } catch (ErrnoException | RuntimeException | Error e) {
      parts.filters.cancel(use);
      throw e;
    }
    if (!put(gap, successor, use)) {
      try {
        successor.detach();
      } finally {
        parts.chainSwitch.retire(gap.device, successor.lower);
        parts.filters.cancel(use);
      }
      throw new ErrnoException(Errno.ETIMEDOUT, "its attach did not return in time");
    }
  }

  /** False if it comes too late: the device is not frozen any more. */
  private synchronized boolean put(Gap gap, AttachedFilter successor, FilterTable.Use use) {
    if (over || gap.device.isLeaving()) {
      return false;
    }
    gap.device.switchTo(gap.device.chain().without(gap.standIn).with(successor));
    parts.filters.attached(use);
    gap.standIn.commands.shut();
    LOG.log(
        INFO,
        "{0} attached again, from {1}",
        gap.text(),
        use.entry.provider().label().isEmpty() ? "no bundle" : use.entry.provider().label());
    return true;
  }

  private synchronized void giveUp(Gap gap, String reason) {
    if (!over) {
      putAside(gap, reason);
    }
  }

  private static void putAside(Gap gap, String reason) {
    gap.standIn.putAside(reason);
    gap.standIn.commands.open();
  }

  /**
   * Ends the holding back, wherever the replacement stands: the policy holds for each place that is
   * still empty, and what comes for it later is turned away. Idempotent.
   *
   * @param reason for people
   */
  public void expire(String reason) {
    synchronized (this) {
      if (!over) {
        for (Gap gap : gaps) {
          if (gap.device.chain().filters().contains(gap.standIn)
              && gap.standIn.state() == AttachedFilter.State.ATTACHED) {
            putAside(gap, reason);
          }
        }
      }
    }
    end();
  }

  /** As {@link #expire}, for devices that are about to be taken away: nothing passes any more. */
  void abandon(String reason) {
    for (Gap gap : gaps) {
      gap.device.leaveAnyway();
      gap.device.gate.shut();
    }
    expire(reason);
  }

  private void end() {
    synchronized (this) {
      over = true;
      undoAll();
    }
    parts.filters.wake();
    whenOver.accept(this);
  }

  private synchronized void undoAll() {
    while (!undo.isEmpty()) {
      undo.pop().run();
    }
  }
}
