package io.sluice.registry;

import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginProvider;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Frozen;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The filters, the live devices, and the chains of the ones on the others. Thread-safe. */
public final class ChainRegistry implements FilterRegistry, AutoCloseable {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  /** How long bios in flight may take before a change of a chain gives up. */
  public static final Duration DRAIN_LIMIT_DEFAULT = Duration.ofSeconds(10);

  private static final String CLOSING = "the filter registry is shutting down";

  private final FilterTable filters = new FilterTable();
  private final long drainLimitNanos;
  private final LongSupplier nanoClock;
  private final ChainSwitch chainSwitch;
  private final DevicePins devicePins;
  private final Watch watch;
  private final LiveDevices devices;

  /** Those whose devices are held back; guarded by itself. */
  private final Set<SuspendedFilters> suspended = new HashSet<>();

  private volatile boolean closed;

  /**
   * A registry that is in no bundle; see {@link #ChainRegistry(Supplier, Bundles, Publisher,
   * DeviceLocator, Duration, LongSupplier, Executor)}.
   */
  public ChainRegistry(
      Supplier<List<OriginProvider>> providers,
      Publisher publisher,
      DeviceLocator locator,
      Duration drainLimit,
      LongSupplier nanoClock,
      Executor notices) {
    this(providers, Bundles.NONE, publisher, locator, drainLimit, nanoClock, notices);
  }

  /**
   * @param providers those there are at the moment of the call, the preferred one first
   * @param bundles what is pinned while a device is there
   * @param drainLimit how long an attach, a detach or a removal waits for its turn, and then for
   *     the bios in flight; how long a freeze waits for its turn
   * @param nanoClock for how long freezes and calls last; {@link System#nanoTime}
   * @param notices runs what may wait for a filter or an origin that hangs, each in a thread that
   *     others can do without
   */
  public ChainRegistry(
      Supplier<List<OriginProvider>> providers,
      Bundles bundles,
      Publisher publisher,
      DeviceLocator locator,
      Duration drainLimit,
      LongSupplier nanoClock,
      Executor notices) {
    this.drainLimitNanos = drainLimit.toNanos();
    this.nanoClock = nanoClock;
    this.chainSwitch = new ChainSwitch(filters, drainLimitNanos, nanoClock);
    this.watch = new Watch(nanoClock, notices);
    this.devicePins = new DevicePins(bundles);
    this.devices =
        new LiveDevices(
            providers,
            bundles,
            devicePins,
            publisher,
            locator,
            chainSwitch,
            drainLimitNanos,
            watch);
    this.watch.follow(devices::devices);
  }

  /** To be run by a thread of its own: looks after filters that hang and origins that are lost. */
  public Watch watch() {
    return watch;
  }

  /** The live devices. */
  public DeviceTable devices() {
    return devices;
  }

  @Override
  public void register(FilterOperations operations) throws ErrnoException {
    register(operations, Provider.NONE);
  }

  /** As {@link #register(FilterOperations)}, for a bundle. */
  public void register(FilterOperations operations, Provider provider) throws ErrnoException {
    filters.register(operations, provider);
  }

  @Override
  public void unregister(FilterOperations operations) throws ErrnoException {
    filters.unregister(operations);
  }

  @Override
  public List<FilterInfo> filters() {
    return filters.list();
  }

  @Override
  public void attach(AttachRequest request) throws ErrnoException {
    attach(request, () -> devices.find(request.device(), "filter attach " + request.filter()));
  }

  /** Finds a device, or says why there is none. */
  @FunctionalInterface
  private interface Finder {
    LiveDevice find() throws ErrnoException;
  }

  private void attach(AttachRequest request, Finder finder) throws ErrnoException {
    FilterTable.Use use = filters.use(request);
    try {
      chainSwitch.attach(finder.find(), use);
    } catch (ErrnoException | RuntimeException | Error e) {
      filters.cancel(use);
      throw e;
    }
  }

  @Override
  public void detach(String device, String filter) throws ErrnoException {
    chainSwitch.detach(devices.find(device, "filter detach"), filter);
  }

  @Override
  public Map<String, Object> ctl(
      String device, String filter, String command, List<String> arguments) throws ErrnoException {
    LiveDevice live = devices.find(device, "filter ctl");
    String task = "filter ctl " + OneLine.of(device) + " " + OneLine.of(filter);
    AttachedFilter attached = ChainSwitch.find(live, filter, task);
    while (true) {
      try {
        return attached.ctl(command, arguments);
      } catch (ErrnoException e) {
        AttachedFilter successor = live.chain().find(filter).orElse(attached);
        // Its commands are shut only if it has left: then none was handed to it.
        if (e.errno() != Errno.ENOENT || attached.commands.isOpen() || successor == attached) {
          throw e;
        }
        attached = successor;
      }
    }
  }

  @Override
  public List<ChainEntry> chain(String device) throws ErrnoException {
    return devices.find(device, "filter chain").chain().filters().stream()
        .map(AttachedFilter::chainEntry)
        .toList();
  }

  @Override
  public Frozen freeze(Collection<String> names, Duration drainLimit) throws ErrnoException {
    String task = "device freeze";
    List<LiveDevice> frozen = devices.findAll(names, task);
    Turns turns = Turns.take(frozen, task, drainLimitNanos);
    try {
      for (LiveDevice device : frozen) {
        if (device.isLeaving()) {
          throw new ErrnoException(
              Errno.ENODEV, task + " " + device.name + ": the device is being removed");
        }
      }
      return Freeze.start(frozen, task, drainLimit.toNanos(), nanoClock, turns::close);
    } catch (ErrnoException | RuntimeException | Error e) {
      turns.close();
      throw e;
    }
  }

  /** What makes a device again; empty if it is not there. */
  public Optional<DeviceSetup> setup(String device) {
    return devices.lookUp(device).map(found -> found.setup(filters.requests(found)));
  }

  /** What a device has to wait for before it can be made; empty if it need not. */
  public List<String> missing(DeviceSetup setup) {
    List<String> missing = new ArrayList<>(devices.missing());
    for (AttachRequest request : setup.filters()) {
      if (!filters.isRegistered(request.filter())) {
        missing.add("filter " + request.filter());
      }
    }
    return missing;
  }

  /**
   * Makes a device again. It is published with all its filters attached, so no bio passes before.
   *
   * @throws ErrnoException what {@link DeviceTable#add} and {@link #attach(AttachRequest)} throw;
   *     the device is not there then
   */
  public void restore(DeviceSetup setup) throws ErrnoException {
    devices.add(
        setup.name(),
        setup.path(),
        setup.options(),
        device -> {
          for (AttachRequest request : setup.filters()) {
            attach(request, () -> device);
          }
        });
  }

  /** Takes away, whoever uses them, the devices that a provider opened which is going away. */
  public void dropProvider(OriginProvider provider) {
    devices.dropProvider(provider);
  }

  /**
   * Holds back every device that a bundle's filters are attached to, and detaches those filters:
   * the bundle has no users then and can be replaced. See {@link SuspendedFilters}.
   *
   * @param limit how long it may take for others to finish their changes, for commands that run,
   *     and for bios in flight, each
   * @throws ErrnoException EBUSY if a device stands on an origin of the bundle, or of a filter that
   *     can't leave; EAGAIN if something does not end in time. Nothing has changed then
   */
  public SuspendedFilters suspend(long bundleId, Duration limit) throws ErrnoException {
    String task = "bundle update " + bundleId;
    List<String> open = devices.openedBy(bundleId);
    if (!open.isEmpty()) {
      throw new ErrnoException(
          Errno.EBUSY,
          task
              + ": the origins of "
              + String.join(", ", open)
              + " are open in it and can't be handed over: remove the devices first");
    }
    SuspendedFilters now =
        SuspendedFilters.suspend(
            new SuspendedFilters.Parts(filters, chainSwitch, devices, nanoClock),
            bundleId,
            limit.toNanos(),
            this::forget);
    synchronized (suspended) {
      suspended.add(now);
    }
    if (now.isOver()) {
      forget(now);
    } else if (closed) {
      now.abandon(CLOSING);
    }
    return now;
  }

  private void forget(SuspendedFilters over) {
    synchronized (suspended) {
      suspended.remove(over);
    }
  }

  /**
   * A bundle is about to stop, and could not be kept from it: detaches its filters without asking
   * them. Takes the drain limit for each at most.
   */
  public void dropBundle(long bundleId) {
    boolean settled = filters.beginLeaving(bundleId, drainLimitNanos);
    if (!settled) {
      LOG.log(WARNING, "bundle {0} stops while a filter of it is being attached", bundleId);
    }
    for (FilterTable.Use use : filters.attachedOf(bundleId)) {
      devices.lookUp(use.device()).ifPresent(device -> chainSwitch.detachAnyway(device, use));
    }
  }

  /** A bundle has stopped: forgets the filters that it has not unregistered itself. */
  public void forgetBundle(long bundleId) {
    filters.unregisterAll(bundleId);
  }

  /**
   * Takes all devices away: detaches their filters without asking, and closes their origins.
   * Nothing is attached or added any more.
   */
  @Override
  public void close() {
    closed = true;
    filters.shut();
    devicePins.shut();
    List<SuspendedFilters> waiting;
    synchronized (suspended) {
      waiting = List.copyOf(suspended);
    }
    waiting.forEach(each -> each.abandon(CLOSING));
    devices.dropAll();
  }
}
