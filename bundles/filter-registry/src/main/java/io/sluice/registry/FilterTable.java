package io.sluice.registry;

import static java.lang.System.Logger.Level.INFO;

import io.sluice.block.BioOp;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.FilterInfo;
import io.sluice.filter.FilterOperations;
import io.sluice.pin.BundlePins;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** The filters that can be attached, who provides them, and who uses them. Thread-safe. */
final class FilterTable {
  /**
   * One registered filter.
   *
   * @param operations what was registered
   * @param name its name at registration
   * @param altitude its default altitude at registration
   * @param ops the operations it understands, at registration
   * @param provider the bundle it is from
   * @param links makes its places in chains
   */
  record Entry(
      FilterOperations operations,
      String name,
      int altitude,
      Set<BioOp> ops,
      Provider provider,
      LinkTailor links) {
    /** A registration stands for itself. */
    @Override
    public boolean equals(Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return System.identityHashCode(this);
    }
  }

  /** A filter on a device, or about to be. */
  static final class Use {
    final Entry entry;
    final AttachRequest request;

    /** Null until the bundle is pinned; guarded by the table, and so is {@link #attached}. */
    private BundlePins.Pin pin;

    private boolean attached;

    private Use(Entry entry, AttachRequest request) {
      this.entry = entry;
      this.request = request;
    }

    String device() {
      return request.device();
    }
  }

  private static final System.Logger LOG = System.getLogger("io.sluice.registry");

  /** By name; guarded by this. */
  private final Map<String, Entry> entries = new TreeMap<>();

  /** All there are; guarded by this. */
  private final List<Use> uses = new ArrayList<>();

  /** Whose bundles are going, so that nobody may attach them; guarded by this. */
  private final Set<Entry> leaving = new HashSet<>();

  private boolean shut;

  void register(FilterOperations operations, Provider provider) throws ErrnoException {
    String name = operations.name();
    checkName(name);
    Entry entry =
        new Entry(
            operations,
            name,
            operations.altitude(),
            Set.copyOf(operations.ops()),
            provider,
            new LinkTailor());
    synchronized (this) {
      // No longer name gets this far, so equal in the first 32 bytes means equal.
      if (entries.putIfAbsent(name, entry) != null) {
        throw new ErrnoException(
            Errno.EBUSY,
            "filter register "
                + name
                + ": a filter of this name is registered; unregister it first");
      }
      notifyAll();
    }
  }

  private static void checkName(String name) throws ErrnoException {
    String wrong = null;
    if (name == null || name.isEmpty()) {
      wrong = "it is empty";
    } else {
      int sizeBytes = name.getBytes(StandardCharsets.UTF_8).length;
      if (sizeBytes > FilterOperations.NAME_MAX_BYTES) {
        wrong =
            "it has " + sizeBytes + " bytes, " + FilterOperations.NAME_MAX_BYTES + " are allowed";
      } else if (name.chars().anyMatch(FilterTable::isUnfitForName)) {
        wrong = "it has a blank, a slash or a control character";
      }
    }
    if (wrong != null) {
      throw new ErrnoException(Errno.EINVAL, "filter name \"" + OneLine.of(name) + "\": " + wrong);
    }
  }

  private static boolean isUnfitForName(int c) {
    return Character.isWhitespace(c)
        || Character.isSpaceChar(c)
        || Character.isISOControl(c)
        || c == '/';
  }

  synchronized void unregister(FilterOperations operations) throws ErrnoException {
    Iterator<Entry> all = entries.values().iterator();
    while (all.hasNext()) {
      Entry entry = all.next();
      if (entry.operations == operations) {
        List<String> devices = devicesOf(entry);
        if (!devices.isEmpty()) {
          throw new ErrnoException(
              Errno.EBUSY,
              "filter unregister "
                  + entry.name
                  + ": attached to "
                  + String.join(", ", devices)
                  + ": detach it first");
        }
        all.remove();
        leaving.remove(entry);
        return;
      }
    }
    throw new ErrnoException(
        Errno.ENOENT,
        "filter unregister "
            + OneLine.of(operations.name())
            + ": this filter is not registered; registered: "
            + names());
  }

  /** Forgets what a bundle that has stopped left behind. */
  synchronized void unregisterAll(long bundleId) {
    Iterator<Entry> all = entries.values().iterator();
    while (all.hasNext()) {
      Entry entry = all.next();
      if (entry.provider.bundleId() == bundleId) {
        all.remove();
        leaving.remove(entry);
        LOG.log(
            INFO,
            "filter {0} unregistered, since its bundle {1} has stopped",
            entry.name,
            entry.provider.label());
      }
    }
  }

  /**
   * Finds a filter, marks it as used and pins its bundle, until {@link #cancel} or {@link
   * #release}.
   *
   * @throws ErrnoException ENOENT if it is not registered; EAGAIN if its bundle is going; ESHUTDOWN
   *     if the registry is
   */
  Use use(AttachRequest request) throws ErrnoException {
    Use use = mark(request);
    try {
      BundlePins.Pin pin =
          use.entry.provider.pin("filter " + use.entry.name + " on device " + use.device());
      synchronized (this) {
        use.pin = pin;
      }
      return use;
    } catch (ErrnoException | RuntimeException | Error e) {
      cancel(use);
      throw e;
    }
  }

  private synchronized Use mark(AttachRequest request) throws ErrnoException {
    String task =
        "filter attach " + OneLine.of(request.device()) + " " + OneLine.of(request.filter());
    if (shut) {
      throw new ErrnoException(Errno.ESHUTDOWN, task + ": the filter registry is shutting down");
    }
    Entry entry = entries.get(request.filter());
    if (entry == null) {
      throw new ErrnoException(Errno.ENOENT, task + ": no such filter; registered: " + names());
    }
    if (leaving.contains(entry)) {
      throw new ErrnoException(
          Errno.EAGAIN,
          task
              + ": its bundle "
              + entry.provider.label()
              + " is being replaced or stopped;"
              + " try again");
    }
    Use use = new Use(entry, request);
    uses.add(use);
    return use;
  }

  /** The use has become an attached filter. */
  synchronized void attached(Use use) {
    use.attached = true;
    notifyAll();
  }

  /** The use has come to nothing. */
  void cancel(Use use) {
    BundlePins.Pin pin;
    synchronized (this) {
      uses.remove(use);
      pin = use.pin;
      notifyAll();
    }
    if (pin != null) {
      pin.close();
    }
  }

  /** A filter has left a device. A stand-in, which uses nothing, may do so too. */
  void release(Entry entry, String device) {
    Use left = null;
    synchronized (this) {
      for (Use use : uses) {
        if (use.attached && use.entry.equals(entry) && use.device().equals(device)) {
          left = use;
        }
      }
    }
    if (left != null) {
      cancel(left);
    }
  }

  /**
   * Lets nobody attach a bundle's filters any more, and waits for those who do it now.
   *
   * @return false if somebody still does it at the limit
   */
  synchronized boolean beginLeaving(long bundleId, long limitNanos) {
    for (Entry entry : entries.values()) {
      if (entry.provider.bundleId() == bundleId) {
        leaving.add(entry);
      }
    }
    return await(
        () ->
            uses.stream()
                .allMatch(use -> use.attached || use.entry.provider.bundleId() != bundleId),
        limitNanos);
  }

  /** Lets a bundle's filters be attached again. */
  synchronized void endLeaving(long bundleId) {
    leaving.removeIf(entry -> entry.provider.bundleId() == bundleId);
  }

  /** The uses of a bundle's filters that are attached. */
  synchronized List<Use> attachedOf(long bundleId) {
    return uses.stream()
        .filter(use -> use.attached && use.entry.provider.bundleId() == bundleId)
        .toList();
  }

  synchronized boolean isRegistered(String name) {
    return entries.containsKey(name);
  }

  /**
   * What attaches a device's filters anew, as they are now: with the options that commands have
   * changed since, and with those whose bundles are being replaced.
   */
  List<AttachRequest> requests(LiveDevice device) {
    List<Use> attached;
    synchronized (this) {
      attached =
          uses.stream().filter(use -> use.attached && use.device().equals(device.name)).toList();
    }
    List<AttachRequest> requests = new ArrayList<>();
    for (AttachedFilter filter : device.chain().filters()) {
      StandIn.request(filter).ifPresent(requests::add);
      attached.stream()
          .filter(use -> use.entry.equals(filter.entry))
          .map(use -> filter.again(use.request))
          .forEach(requests::add);
    }
    return requests;
  }

  /**
   * Waits until a filter of this name is registered.
   *
   * @param over looked at again after each {@link #wake}; ends the waiting
   * @return false if there is none at the limit
   */
  synchronized boolean awaitRegistered(String name, BooleanSupplier over, long limitNanos) {
    boolean unused = await(() -> over.getAsBoolean() || entries.containsKey(name), limitNanos);
    return entries.containsKey(name);
  }

  /** Has those who wait look again. */
  synchronized void wake() {
    notifyAll();
  }

  /** Refuses all uses from now on. */
  synchronized void shut() {
    shut = true;
    notifyAll();
  }

  /** An interrupt does not end the waiting; the flag is kept. */
  private synchronized boolean await(BooleanSupplier condition, long limitNanos) {
    long startNanos = System.nanoTime();
    boolean interrupted = false;
    try {
      while (!condition.getAsBoolean()) {
        long leftNanos = limitNanos - (System.nanoTime() - startNanos);
        if (leftNanos <= 0) {
          return false;
        }
        try {
          TimeUnit.NANOSECONDS.timedWait(this, leftNanos);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      return true;
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  synchronized List<FilterInfo> list() {
    List<FilterInfo> infos = new ArrayList<>();
    for (Entry entry : entries.values()) {
      infos.add(
          new FilterInfo(
              entry.name,
              entry.altitude,
              entry.ops,
              devicesOf(entry),
              entry.operations.options(),
              entry.operations.commands(),
              entry.provider.label()));
    }
    return List.copyOf(infos);
  }

  private String names() {
    return entries.isEmpty() ? "none" : String.join(", ", entries.keySet());
  }

  private List<String> devicesOf(Entry entry) {
    return uses.stream()
        .filter(use -> use.entry.equals(entry))
        .map(Use::device)
        .distinct()
        .sorted()
        .toList();
  }
}
