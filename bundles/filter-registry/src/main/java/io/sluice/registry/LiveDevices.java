package io.sluice.registry;

import static java.lang.System.Logger.Level.INFO;
import static java.lang.System.Logger.Level.WARNING;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import io.sluice.filter.DeviceInfo;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.DeviceTable;
import io.sluice.pin.BundlePins;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/** The live devices: opens origins, publishes what is above them, and takes it back. */
final class LiveDevices implements DeviceTable {
  private static final System.Logger LOG = System.getLogger("io.sluice.registry");
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]*");

  /** A device in the table. */
  private static final class Row {
    final OriginProvider provider;
    final Provider bundle;

    /** Keeps the bundles that the device stands on; null until they are pinned. */
    BundlePins.Pin pin;

    /** Null while the origin is being opened; guarded by the table. */
    LiveDevice device;

    /** Withdraws the device; null before it is published and after. Guarded by the table. */
    Runnable publication;

    Row(OriginProvider provider, Provider bundle) {
      this.provider = provider;
      this.bundle = bundle;
    }

    void unpin() {
      if (pin != null) {
        pin.close();
      }
    }
  }

  private final Supplier<List<OriginProvider>> providers;
  private final Bundles bundles;
  private final DevicePins pins;
  private final Publisher publisher;
  private final DeviceLocator locator;
  private final ChainSwitch chainSwitch;
  private final long drainLimitNanos;
  private final Watch watch;

  /** By name; guarded by this, which is never held while foreign code runs. */
  private final Map<String, Row> rows = new TreeMap<>();

  LiveDevices(
      Supplier<List<OriginProvider>> providers,
      Bundles bundles,
      DevicePins pins,
      Publisher publisher,
      DeviceLocator locator,
      ChainSwitch chainSwitch,
      long drainLimitNanos,
      Watch watch) {
    this.watch = watch;
    this.providers = providers;
    this.bundles = bundles;
    this.pins = pins;
    this.publisher = publisher;
    this.locator = locator;
    this.chainSwitch = chainSwitch;
    this.drainLimitNanos = drainLimitNanos;
  }

  @Override
  public DeviceInfo add(String name, String path, OriginOptions options) throws ErrnoException {
    return add(name, path, options, device -> {});
  }

  /** What is done to a device before anybody sees it. */
  @FunctionalInterface
  interface Preparation {
    void prepare(LiveDevice device) throws ErrnoException;
  }

  /** As {@link #add(String, String, OriginOptions)}; if the preparation fails, all does. */
  DeviceInfo add(String name, String path, OriginOptions options, Preparation preparation)
      throws ErrnoException {
    checkName(name);
    String task = "device add " + name;
    OriginProvider provider = provider(path, task);
    Row row = new Row(provider, bundles.of(provider));
    synchronized (this) {
      if (rows.containsKey(name)) {
        throw new ErrnoException(
            Errno.EEXIST, task + ": a device of this name is there; choose another name");
      }
      rows.put(name, row);
    }
    try {
      row.pin = pins.pin(row.bundle, name);
      LiveDevice device =
          new LiveDevice(name, open(row.provider, path, options, task), options, watch);
      prepare(device, preparation);
      enter(row, device);
      if (!providers.get().contains(row.provider)) {
        // It left between our choice and our entry, and did not meet the device in the table.
        drop(row);
        throw new ErrnoException(
            Errno.EAGAIN, task + ": the provider of origin " + path + " was stopped; try again");
      }
      watch.wake();
      LOG.log(INFO, "device {0} added on {1}", name, path);
      return device.info();
    } catch (ErrnoException | RuntimeException | Error e) {
      forget(name, row);
      row.unpin();
      throw e;
    }
  }

  private static void checkName(String name) throws ErrnoException {
    int sizeBytes = name.getBytes(StandardCharsets.UTF_8).length;
    String shown = "device name \"" + OneLine.of(name) + "\": ";
    if (sizeBytes > NAME_MAX_BYTES) {
      throw new ErrnoException(
          Errno.EINVAL,
          shown + "it has " + sizeBytes + " bytes, " + NAME_MAX_BYTES + " are allowed");
    }
    if (!NAME.matcher(name).matches()) {
      throw new ErrnoException(
          Errno.EINVAL,
          shown
              + "a name has one or more letters, digits, '.', '_' and '-', and does not start with"
              + " '.' or '-'");
    }
  }

  private OriginProvider provider(String path, String task) throws ErrnoException {
    List<OriginProvider> all = providers.get();
    for (OriginProvider provider : all) {
      if (provider.accepts(path)) {
        return provider;
      }
    }
    String what = task + ": origin " + OneLine.of(path) + ": ";
    if (all.isEmpty()) {
      throw new ErrnoException(
          Errno.EAGAIN, what + "no provider of origins is running; start its bundle");
    }
    if (!exists(path)) {
      throw new ErrnoException(Errno.ENOENT, what + "no such file");
    }
    throw new ErrnoException(
        Errno.EINVAL, what + "none of the " + all.size() + " providers of origins takes it");
  }

  private static boolean exists(String path) {
    try {
      return Files.exists(Path.of(path));
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static OriginDevice open(
      OriginProvider provider, String path, OriginOptions options, String task)
      throws ErrnoException {
    try {
      return Objects.requireNonNull(provider.open(path, options), "open returned no origin");
    } catch (RuntimeException | LinkageError fault) {
      throw new ErrnoException(
          Errno.EIO,
          task + ": the driver of origin " + path + " failed: " + OneLine.of(fault),
          fault);
    }
  }

  private void prepare(LiveDevice device, Preparation preparation) throws ErrnoException {
    try {
      preparation.prepare(device);
    } catch (ErrnoException | RuntimeException | Error e) {
      chainSwitch.dismantle(device);
      closeOrigin(device);
      throw e;
    }
  }

  /** What has to be there before any origin can be opened; empty if it is. */
  List<String> missing() {
    return providers.get().isEmpty() ? List.of("a provider of origins") : List.of();
  }

  /** Puts an open device into its row and publishes it, or closes its origin. */
  private void enter(Row row, LiveDevice device) {
    try {
      String description = device.origin.path();
      Runnable publication = publisher.publish(device.name, description, device);
      synchronized (this) {
        row.device = device;
        row.publication = publication;
      }
    } catch (RuntimeException | Error e) {
      closeOrigin(device);
      throw e;
    }
  }

  private static void closeOrigin(LiveDevice device) {
    try {
      device.origin.close();
    } catch (ErrnoException | RuntimeException e) {
      LOG.log(WARNING, "origin " + device.origin.path() + " did not close well", e);
    }
  }

  private synchronized void forget(String name, Row row) {
    rows.remove(name, row);
  }

  @Override
  @SuppressWarnings("try") // The turn is there to be given back, not to be used.
  public void remove(String name) throws ErrnoException {
    String task = "device remove " + OneLine.of(name);
    Row row = row(name, task);
    LiveDevice device = row.device;
    try (Turns turn = Turns.take(List.of(device), "device remove", drainLimitNanos)) {
      if (row(name, task) != row) {
        throw gone(name, task);
      }
      device.leave();
      withdraw(row);
      device.gate.shut();
      if (!device.gate.awaitDrained(drainLimitNanos)) {
        throw new ErrnoException(
            Errno.EAGAIN,
            task
                + ": "
                + device.gate.insideCount()
                + " bios were still in flight after "
                + Turns.limitText(drainLimitNanos)
                + ", the limit; it takes no more: remove it again to close the origin");
      }
      forget(name, row);
      try {
        device.origin.close();
      } finally {
        row.unpin();
      }
    }
    LOG.log(INFO, "device {0} removed", name);
  }

  private void withdraw(Row row) {
    Runnable publication;
    synchronized (this) {
      publication = row.publication;
      row.publication = null;
    }
    if (publication != null) {
      publication.run();
    }
  }

  /** The row of a device that is open. */
  private synchronized Row row(String name, String task) throws ErrnoException {
    Row row = rows.get(name);
    if (row == null || row.device == null) {
      throw gone(name, task);
    }
    return row;
  }

  private ErrnoException gone(String name, String task) {
    return new ErrnoException(
        Errno.ENODEV, task + ": there is no device \"" + OneLine.of(name) + "\"; " + names());
  }

  private String names() {
    List<String> names = devices().stream().map(device -> device.name).toList();
    return "devices: " + (names.isEmpty() ? "none" : String.join(", ", names));
  }

  synchronized List<LiveDevice> devices() {
    return rows.values().stream().map(row -> row.device).filter(Objects::nonNull).toList();
  }

  /** The device of a name, for a task that its error names. */
  LiveDevice find(String name, String task) throws ErrnoException {
    return row(name, task).device;
  }

  /** The device of a name, if it is there. */
  Optional<LiveDevice> lookUp(String name) {
    return devices().stream().filter(device -> device.name.equals(name)).findFirst();
  }

  /** The names of devices whose origins a bundle has open, or is opening. */
  synchronized List<String> openedBy(long bundleId) {
    return rows.entrySet().stream()
        .filter(entry -> entry.getValue().bundle.bundleId() == bundleId)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** The devices of some names, sorted and each once. */
  List<LiveDevice> findAll(Collection<String> names, String task) throws ErrnoException {
    List<LiveDevice> found = new ArrayList<>();
    for (String name : new TreeSet<>(names)) {
      found.add(find(name, task));
    }
    return List.copyOf(found);
  }

  @Override
  public List<DeviceInfo> list() {
    return devices().stream().map(LiveDevice::info).toList();
  }

  @Override
  public DeviceInfo info(String name) throws ErrnoException {
    return find(name, "device info").info();
  }

  @Override
  public DeviceStats stats(String name) throws ErrnoException {
    return find(name, "stats").stats();
  }

  @Override
  public String resolve(String nameOrPath) throws ErrnoException {
    List<LiveDevice> all = devices();
    for (LiveDevice device : all) {
      if (device.name.equals(nameOrPath)) {
        return device.name;
      }
    }
    // A word without a slash would be looked up in the agent's directory, not in the user's.
    if (nameOrPath.indexOf('/') >= 0) {
      DeviceLocator.Trace trace = locator.trace(nameOrPath);
      for (StorageIdentity identity : trace.identities()) {
        for (LiveDevice device : all) {
          if (device.origin.identity().equals(identity)) {
            return device.name;
          }
        }
      }
      for (LiveDevice device : all) {
        if (trace.served().equals(Optional.of(device.name))) {
          return device.name;
        }
      }
    }
    throw new ErrnoException(
        Errno.ENODEV,
        "\""
            + OneLine.of(nameOrPath)
            + "\" is no device's name, nor a path that leads to a device; "
            + names());
  }

  /** Takes away, whoever uses them, the devices that a provider opened which is going away. */
  void dropProvider(OriginProvider provider) {
    List<Row> dropped;
    synchronized (this) {
      dropped =
          rows.values().stream()
              .filter(row -> row.provider == provider && row.device != null)
              .toList();
    }
    dropped.forEach(this::drop);
  }

  /** Takes all devices away, whoever uses them. */
  void dropAll() {
    List<Row> dropped;
    synchronized (this) {
      dropped = rows.values().stream().filter(row -> row.device != null).toList();
    }
    dropped.forEach(this::drop);
  }

  private void drop(Row row) {
    withdraw(row);
    chainSwitch.dismantle(row.device);
    closeOrigin(row.device);
    forget(row.device.name, row);
    row.unpin();
    LOG.log(
        INFO, "device {0} removed, since the agent or its origin''s driver stops", row.device.name);
  }
}
