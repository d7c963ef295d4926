package io.sluice.simulator.device;

import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.FilterRegistry;
import io.sluice.filter.Frozen;
import io.sluice.filter.OnError;
import io.sluice.simulator.schedule.SimScheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** The registry for one filter, over cooperative gates. */
public final class SimRegistry implements FilterRegistry {
  /** How a freeze is done; all but the first are mutants. */
  public enum FreezeStyle {
    /** All gates close, all drain, then the caller switches. */
    RIGHT,
    /** Does not wait for what is in flight. */
    NO_DRAIN,
    /** Opens the gates again before the caller has switched. */
    THAWED_TOO_EARLY,
    /** Holds one device after the other, so the cut is not one. */
    ONE_BY_ONE
  }

  /** Told of each freeze of the engine's, at its instant, and of what waits when it ends. */
  public interface CutListener {
    /** All of these are frozen, and nothing is in flight. */
    void frozen(List<SimLive> devices);

    /** They are about to thaw, while this many bios wait. */
    void thawing(int waiterCount);

    /** A filter came to a device, or left it; the device is frozen. */
    void filterChanged(SimLive device);
  }

  private final SimScheduler scheduler;
  private final Faults faults;
  private final CutListener listener;
  private final FreezeStyle style;
  private final UnaryOperator<Filter> filterWrap;
  private final UnaryOperator<BlockDevice> lowerWrap;
  private final Map<String, SimLive> devices = new TreeMap<>();
  private FilterOperations operations;

  /**
   * @param filterWrap put around each filter that is attached; the identity but for mutants
   * @param lowerWrap put around what a filter finds below it; the identity but for mutants
   */
  public SimRegistry(
      SimScheduler scheduler,
      Faults faults,
      CutListener listener,
      FreezeStyle style,
      UnaryOperator<Filter> filterWrap,
      UnaryOperator<BlockDevice> lowerWrap) {
    this.scheduler = scheduler;
    this.faults = faults;
    this.listener = listener;
    this.style = style;
    this.filterWrap = filterWrap;
    this.lowerWrap = lowerWrap;
  }

  /** Makes a live device of a disk. */
  public SimLive add(SimDisk disk) {
    SimLive live = new SimLive(scheduler, disk);
    devices.put(disk.name(), live);
    return live;
  }

  @Override
  public void register(FilterOperations operations) throws ErrnoException {
    if (this.operations != null) {
      throw new ErrnoException(Errno.EBUSY, "a filter is registered");
    }
    this.operations = operations;
  }

  @Override
  public void unregister(FilterOperations operations) throws ErrnoException {
    if (this.operations != operations) {
      throw new ErrnoException(Errno.ENOENT, "not registered");
    }
    this.operations = null;
  }

  @Override
  public List<FilterInfo> filters() {
    List<String> attached = new ArrayList<>();
    devices.forEach(
        (name, live) -> {
          if (live.filter != null) {
            attached.add(name);
          }
        });
    return operations == null
        ? List.of()
        : List.of(
            new FilterInfo(
                operations.name(),
                operations.altitude(),
                operations.ops(),
                attached,
                operations.options(),
                operations.commands(),
                ""));
  }

  private SimLive live(String name) throws ErrnoException {
    SimLive live = devices.get(name);
    if (live == null) {
      throw new ErrnoException(Errno.ENODEV, "device " + name + ": not there");
    }
    return live;
  }

  @Override
  public void attach(AttachRequest request) throws ErrnoException {
    if (operations == null || !operations.name().equals(request.filter())) {
      throw new ErrnoException(Errno.ENOENT, "filter " + request.filter() + ": not registered");
    }
    SimLive live = live(request.device());
    hold(List.of(live), false);
    try {
      if (live.filter != null) {
        throw new ErrnoException(Errno.EALREADY, request.filter() + " on " + request.device());
      }
      SimLive.Lower lower = new SimLive.Lower(live.disk);
      live.attachedSizeBytes = live.disk.bytes().length;
      Filter filter =
          operations.attach(new Host(live.disk, lowerWrap.apply(lower)), request.options());
      live.filter = filterWrap.apply(filter);
      live.aside = false;
      live.lower = lower;
      listener.filterChanged(live);
    } finally {
      release(List.of(live));
    }
  }

  @Override
  public void detach(String device, String filter) throws ErrnoException {
    SimLive live = live(device);
    if (live.filter == null) {
      throw new ErrnoException(Errno.ENOENT, filter + " on " + device);
    }
    live.filter.checkDetach();
    hold(List.of(live), false);
    try {
      if (live.filter == null) {
        throw new ErrnoException(Errno.ENOENT, filter + " on " + device);
      }
      Filter gone = live.filter;
      live.filter = null;
      gone.detach();
      ((SimLive.Lower) live.lower).detached = true;
      listener.filterChanged(live);
    } finally {
      release(List.of(live));
    }
  }

  /** Puts a device's filter aside: from when it has been told, bios go past it. */
  public void putAside(SimLive live) {
    scheduler.yieldPoint();
    if (live.isFiltered()) {
      Filter filter = live.filter;
      filter.quarantined("the seed says so");
      if (live.filter == filter) {
        live.aside = true;
        listener.filterChanged(live);
      }
    }
  }

  /** A device's storage goes, which its filter is told. */
  public void lose(SimLive live) {
    scheduler.yieldPoint();
    live.disk.lost(true);
    if (live.isFiltered()) {
      Filter filter = live.filter;
      filter.deviceLost("the seed says so");
      if (live.filter == filter) {
        live.aside = true; // no bio succeeds, so none is tracked
        listener.filterChanged(live);
      }
    }
  }

  @Override
  public Map<String, Object> ctl(
      String device, String filter, String command, List<String> arguments) throws ErrnoException {
    SimLive live = live(device);
    if (live.filter == null) {
      throw new ErrnoException(Errno.ENOENT, filter + " on " + device);
    }
    return live.filter.ctl(command, arguments);
  }

  @Override
  public List<ChainEntry> chain(String device) throws ErrnoException {
    SimLive live = live(device);
    return live.filter == null
        ? List.of()
        : List.of(
            new ChainEntry(
                operations.name(),
                operations.altitude(),
                OnError.FAIL,
                "attached",
                0,
                0,
                0,
                "",
                io.sluice.filter.LatencySummary.NONE,
                ""));
  }

  @Override
  public Frozen freeze(Collection<String> names, Duration drainLimit) throws ErrnoException {
    List<SimLive> lives = new ArrayList<>();
    for (String name : new TreeSet<>(names)) {
      lives.add(live(name));
    }
    Errno errno = faults.strike(FaultSite.FREEZE);
    if (errno != null) {
      IoRecord record = (IoRecord) scheduler.current().attachment();
      if (record != null) {
        record.freezeFailed = true;
      }
      throw new ErrnoException(errno, "freeze of " + names + ": injected");
    }
    hold(lives, true);
    if (style == FreezeStyle.THAWED_TOO_EARLY) {
      lives.forEach(live -> live.gate.open());
      for (int i = 0; i < 5; i++) {
        scheduler.yieldPoint(); // as any code between the thaw and the switch would
      }
    }
    return new Frozen() {
      private boolean thawed;

      @Override
      public long heldNanos() {
        return 1000;
      }

      @Override
      public void close() {
        if (!thawed) {
          thawed = true;
          int waiters = 0;
          for (SimLive live : lives) {
            waiters += live.gate.waiterCount();
          }
          listener.thawing(waiters);
          release(lives);
        }
      }
    };
  }

  private void hold(List<SimLive> lives, boolean cut) {
    scheduler.yieldPoint();
    for (SimLive live : lives) {
      while (live.frozen) {
        live.unfrozen.await();
      }
      live.frozen = true;
    }
    if (style == FreezeStyle.ONE_BY_ONE && cut && lives.size() > 1) {
      for (SimLive live : lives) {
        holdGates(List.of(live), true);
        live.gate.open();
        scheduler.yieldPoint();
      }
    } else {
      holdGates(lives, cut);
    }
    scheduler.yieldPoint();
  }

  private void holdGates(List<SimLive> lives, boolean cut) {
    for (SimLive live : lives) {
      live.gate.close();
    }
    if (style != FreezeStyle.NO_DRAIN || !cut) {
      for (SimLive live : lives) {
        live.gate.drain();
      }
    }
    if (cut) {
      listener.frozen(lives);
    }
  }

  private void release(List<SimLive> lives) {
    for (SimLive live : lives) {
      live.gate.open();
      live.frozen = false;
      live.unfrozen.wakeAll();
    }
    scheduler.yieldPoint();
  }

  /** What the filter of a disk knows. */
  private record Host(SimDisk disk, BlockDevice lower) implements FilterHost {
    @Override
    public String deviceName() {
      return disk.name();
    }

    @Override
    public String originPath() {
      return disk.path();
    }

    @Override
    public StorageIdentity originIdentity() {
      return disk.identity();
    }

    @Override
    public Optional<String> originStamp() {
      return disk.contentStamp();
    }
  }
}
