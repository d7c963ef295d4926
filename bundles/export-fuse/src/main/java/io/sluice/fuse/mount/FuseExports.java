package io.sluice.fuse.mount;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.ExportState;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.fuse.tree.ExportedFile;
import io.sluice.fuse.tree.FileTree;
import io.sluice.fuse.tree.Owner;
import io.sluice.linux.fuse.FuseMount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which devices are shown where: all of them in the agent's own mount, and single ones over files
 * that were asked for. Thread-safe.
 */
public final class FuseExports implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(FuseExports.class.getPackageName());

  /** Files that devices are mounted over at the same time. */
  static final int FILE_MOUNTS_MAX = 64;

  static final String KIND = "fuse";

  private final FuseConfiguration configuration;
  private final Owner owner;
  private final String source;
  private final MemoryPool pool = new MemoryPool();
  private final FileTree tree;
  private final TreeMap<String, ExportedFile> devices = new TreeMap<>();
  private final TreeMap<String, Added> added = new TreeMap<>();
  private final KeptFiles kept = new KeptFiles();
  private MountedTree own;
  private ErrnoException failure;
  private boolean closed;

  /** A device over a file. */
  private record Added(
      ExportRequest request, FileMount place, ExportedFile file, MountedTree mounted) {
    String name() {
      return request.name();
    }
  }

  /** Nothing is mounted before {@link #start}. */
  public FuseExports(FuseConfiguration configuration) {
    this.configuration = configuration;
    this.owner = new Owner(FuseMount.uid(), FuseMount.gid(), configuration.everybody());
    this.source = "sluice:" + configuration.runDirectory();
    this.tree = FileTree.ofDirectories(owner);
  }

  /**
   * Unmounts what a killed agent of this run directory left, and mounts the agent's own tree.
   *
   * @throws ErrnoException why it is not mounted; files may be tried all the same
   */
  public synchronized void start() throws ErrnoException {
    try {
      if (configuration.runDirectory() == null) {
        throw new ErrnoException(Errno.ENODEV, "the agent has no run directory to mount in");
      }
      for (Path path : FuseMount.clearDead(source)) {
        LOG.log(System.Logger.Level.INFO, () -> path + ": unmounted what a killed agent left");
      }
      if (!configuration.mounts()) {
        failure = new ErrnoException(Errno.ENODEV, "sluice.fuse.mount is false; give a FILE");
        return;
      }
      Path target = AgentMount.prepare(configuration.runDirectory());
      own = mount(target, tree, this::ownUnmounted);
    } catch (ErrnoException e) {
      failure = e;
      throw e;
    }
  }

  private MountedTree mount(Path target, FileTree shown, Runnable onUnmounted)
      throws ErrnoException {
    return MountedTree.mount(
        target,
        source,
        shown,
        configuration.threadCount(),
        configuration.everybody(),
        pool,
        onUnmounted);
  }

  private synchronized void ownUnmounted() {
    own = null;
    failure =
        new ErrnoException(
            Errno.ENODEV, "the agent's FUSE mount was unmounted; start export-fuse again");
  }

  /**
   * Shows a device in the agent's own mount.
   *
   * @return false if its name can't be a file's, or is taken
   */
  public synchronized boolean deviceCame(String name, DeviceRole role, BlockDevice device) {
    ExportedFile file = new ExportedFile(name, role, device, false);
    if (closed || !tree.add(file)) {
      return false;
    }
    devices.put(name, file);
    kept.takeOut(name).forEach(this::restore);
    return true;
  }

  /** Takes up what is kept in a store, and keeps what comes. */
  public synchronized void keepIn(SetupStore store) {
    kept.open(store);
    devices.keySet().forEach(name -> kept.takeOut(name).forEach(this::restore));
  }

  /** The store has gone. */
  public synchronized void keepNoMoreIn(SetupStore store) {
    kept.close(store);
  }

  private void restore(ExportRequest request) {
    try {
      if (!added.containsKey(request.name())) {
        mountOver(request);
        LOG.log(
            System.Logger.Level.INFO,
            () -> "export " + request.name() + " is there again, as configured");
      }
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.WARNING, "a configured export is lost: " + e.getMessage());
    }
  }

  /** Takes a device away, wherever it is shown. */
  public void deviceWent(BlockDevice device) {
    List<Added> gone = new ArrayList<>();
    synchronized (this) {
      for (ExportedFile file : List.copyOf(devices.values())) {
        if (file.device() == device) {
          devices.remove(file.name());
          tree.remove(file);
        }
      }
      for (Added entry : List.copyOf(added.values())) {
        if (entry.file.device() == device) {
          added.remove(entry.name());
          gone.add(entry);
          if (entry.file.role() == DeviceRole.LIVE && !entry.mounted.hidden()) {
            kept.await(entry.request);
          }
        }
      }
    }
    for (Added entry : gone) {
      entry.file.remove();
      end(entry, MountedTree.CLOSE_LIMIT_NANOS);
    }
  }

  private static void end(Added entry, long limitNanos) {
    entry.mounted.close(limitNanos);
    entry.place.tidy();
  }

  /**
   * Mounts a device over a file.
   *
   * @param request its name is the file; empty for the agent's own path
   * @throws ErrnoException ENODEV for no such device; EEXIST if something is exported there; EINVAL
   *     for what can't be mounted over; what the mount reports
   */
  public synchronized ExportInfo add(ExportRequest request) throws ErrnoException {
    checkServed(request);
    if (request.name().isEmpty()) {
      return ownInfo(device(request), request.readOnly());
    }
    Added entry = mountOver(request);
    kept.forget(request.name());
    if (entry.file.role() == DeviceRole.LIVE) {
      kept.keep(request);
    }
    return info(entry);
  }

  private ExportedFile device(ExportRequest request) throws ErrnoException {
    ExportedFile device = devices.get(request.device());
    if (device == null) {
      throw new ErrnoException(
          Errno.ENODEV,
          "export of "
              + request.device()
              + ": no such live device or image; there are "
              + devices.keySet());
    }
    return device;
  }

  private Added mountOver(ExportRequest request) throws ErrnoException {
    ExportedFile device = device(request);
    String name = request.name();
    if (added.containsKey(name)) {
      throw taken(name);
    }
    if (added.size() >= FILE_MOUNTS_MAX) {
      throw new ErrnoException(
          Errno.EMFILE,
          "export to " + name + ": there are " + FILE_MOUNTS_MAX + " already; remove one");
    }
    FileMount place = FileMount.prepare(name);
    try {
      checkFree(place.path());
      ExportedFile file =
          new ExportedFile(device.name(), device.role(), device.device(), request.readOnly());
      MountedTree mounted =
          mount(place.path(), FileTree.ofFile(owner, file), () -> unmounted(name, file));
      Added entry = new Added(request, place, file, mounted);
      added.put(name, entry);
      return entry;
    } catch (ErrnoException e) {
      place.tidy();
      throw e;
    }
  }

  private ExportInfo ownInfo(ExportedFile device, boolean readOnly) throws ErrnoException {
    if (own == null) {
      throw new ErrnoException(failure.errno(), "no FUSE mount: " + failure.text(), failure);
    }
    if (readOnly) {
      throw new ErrnoException(
          Errno.EINVAL, "the agent's own file of a device is not read-only; give a FILE");
    }
    return info(device);
  }

  private void checkFree(Path path) throws ErrnoException {
    boolean taken = own != null && path.startsWith(own.target());
    for (Added entry : added.values()) {
      taken |= !entry.mounted.hidden() && path.equals(entry.place.path());
    }
    if (taken) {
      throw taken(path.toString());
    }
  }

  private static ErrnoException taken(String path) {
    return new ErrnoException(
        Errno.EEXIST, "export to " + path + ": a device is exported there; give another file");
  }

  /** What nothing can be done about here is refused. */
  private static void checkServed(ExportRequest request) throws ErrnoException {
    if (!request.limit().equals(RateLimit.NONE) || !request.options().isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL,
          "export to "
              + request.name()
              + ": files have neither limits nor options; limit the device's processes instead");
    }
  }

  private void unmounted(String name, ExportedFile file) {
    Added entry;
    synchronized (this) {
      entry = added.get(name);
      if (entry == null || entry.file != file) {
        return;
      }
      added.remove(name);
      kept.forget(name);
    }
    entry.place.tidy();
  }

  /**
   * Unmounts a file that was added.
   *
   * @param name its path, as it was given
   * @throws ErrnoException ENOENT if there is none; EPERM for a device's own file; EBUSY, in mode
   *     safe, while it is open
   */
  public void remove(String name, RemovalMode mode) throws ErrnoException {
    Added entry;
    synchronized (this) {
      entry = added.get(name);
      if (entry == null && kept.forget(name)) {
        return;
      }
      checkRemovable(name, entry, mode);
      kept.forget(name);
      if (mode == RemovalMode.HIDE && entry.file.openCount() > 0) {
        // The kernel ends the connection with the last file that is closed.
        entry.mounted.hide();
        return;
      }
      added.remove(name);
    }
    end(entry, mode == RemovalMode.HARD ? 0 : MountedTree.CLOSE_LIMIT_NANOS);
  }

  private void checkRemovable(String name, Added entry, RemovalMode mode) throws ErrnoException {
    if (entry == null && devices.containsKey(name)) {
      throw new ErrnoException(
          Errno.EPERM,
          "export "
              + name
              + ": it is served without asking; remove the device or snapshot instead");
    }
    if (entry == null) {
      throw new ErrnoException(Errno.ENOENT, "export " + name + ": no such export");
    }
    if (mode == RemovalMode.SAFE && entry.file.openCount() > 0) {
      throw new ErrnoException(
          Errno.EBUSY,
          "export "
              + name
              + ": it is open "
              + entry.file.openCount()
              + " times; fuser tells by whom; close it, or remove it in mode hide, soft or hard");
    }
  }

  /** All that is shown. */
  public synchronized List<ExportInfo> list() {
    List<ExportInfo> infos = new ArrayList<>();
    if (own != null) {
      devices.values().forEach(file -> infos.add(info(file)));
    }
    added.values().forEach(entry -> infos.add(info(entry)));
    kept.waiting().forEach(request -> infos.add(waiting(request)));
    return infos;
  }

  private ExportInfo info(ExportedFile file) {
    String directory =
        file.role() == DeviceRole.IMAGE ? FileTree.IMAGE_DIRECTORY : FileTree.LIVE_DIRECTORY;
    Path path = AgentMount.path(configuration.runDirectory(), directory, file.name());
    return new ExportInfo(
        KIND,
        file.name(),
        file.name(),
        file.device().geometry().readOnly(),
        true,
        file.openCount(),
        List.of(path.toString()));
  }

  private static ExportInfo waiting(ExportRequest request) {
    return new ExportInfo(
        KIND,
        request.name(),
        request.device(),
        request.description(),
        request.readOnly(),
        false,
        ExportState.WAITING,
        RateLimit.NONE,
        Map.of(),
        0,
        List.of());
  }

  private static ExportInfo info(Added entry) {
    ExportedFile file = entry.file;
    return new ExportInfo(
        KIND,
        entry.name(),
        file.name(),
        entry.request.description(),
        entry.request.readOnly() || file.device().geometry().readOnly(),
        false,
        entry.mounted.hidden() ? ExportState.HIDDEN : ExportState.SERVED,
        RateLimit.NONE,
        Map.of(),
        file.openCount(),
        List.of(entry.name()));
  }

  /** Unmounts all. Idempotent. */
  @Override
  public void close() {
    List<Added> entries;
    MountedTree mounted;
    synchronized (this) {
      closed = true;
      entries = List.copyOf(added.values());
      added.clear();
      mounted = own;
      own = null;
    }
    entries.forEach(entry -> end(entry, MountedTree.CLOSE_LIMIT_NANOS));
    if (mounted != null) {
      mounted.close(MountedTree.CLOSE_LIMIT_NANOS);
      AgentMount.tidy(configuration.runDirectory());
    }
  }
}
