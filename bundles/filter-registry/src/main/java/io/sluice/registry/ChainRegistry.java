package io.sluice.registry;

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
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The filters, the live devices, and the chains of the ones on the others. Thread-safe. */
public final class ChainRegistry implements FilterRegistry, AutoCloseable {
  /** How long bios in flight may take before a change of a chain gives up. */
  public static final Duration DRAIN_LIMIT_DEFAULT = Duration.ofSeconds(10);

  private final FilterTable filters = new FilterTable();
  private final long drainLimitNanos;
  private final LongSupplier nanoClock;
  private final ChainSwitch chainSwitch;
  private final LiveDevices devices;

  /**
   * @param providers those there are at the moment of the call, the preferred one first
   * @param drainLimit how long an attach, a detach or a removal waits for its turn, and then for
   *     the bios in flight; how long a freeze waits for its turn
   * @param nanoClock for how long a freeze lasts; {@link System#nanoTime}
   */
  public ChainRegistry(
      Supplier<List<OriginProvider>> providers,
      Publisher publisher,
      DeviceLocator locator,
      Duration drainLimit,
      LongSupplier nanoClock) {
    this.drainLimitNanos = drainLimit.toNanos();
    this.nanoClock = nanoClock;
    this.chainSwitch = new ChainSwitch(filters, drainLimitNanos, nanoClock);
    this.devices = new LiveDevices(providers, publisher, locator, chainSwitch, drainLimitNanos);
  }

  /** The live devices. */
  public DeviceTable devices() {
    return devices;
  }

  @Override
  public void register(FilterOperations operations) throws ErrnoException {
    filters.register(operations);
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
    String name = request.device();
    FilterTable.Entry entry = filters.use(request.filter(), name);
    try {
      LiveDevice device = devices.find(name, "filter attach " + request.filter());
      chainSwitch.attach(device, entry, request);
    } catch (ErrnoException | RuntimeException | Error e) {
      filters.release(entry, name);
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
    return ChainSwitch.find(live, filter, task).ctl(command, arguments);
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

  /** Takes away, whoever uses them, the devices that a provider opened which is going away. */
  public void dropProvider(OriginProvider provider) {
    devices.dropProvider(provider);
  }

  /** Takes all devices away: detaches their filters without asking, and closes their origins. */
  @Override
  public void close() {
    devices.dropAll();
  }
}
