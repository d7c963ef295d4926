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
    return true;
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
    ExportedFile device = devices.get(request.device());
    if (device == null) {
      throw new ErrnoException(
          Errno.ENODEV,
          "export of "
              + request.device()
              + ": no such live device or image; there are "
              + devices.keySet());
    }
    if (request.name().isEmpty()) {
      return ownInfo(device, request.readOnly());
    }
    if (added.containsKey(request.name())) {
      throw new ErrnoException(
          Errno.EEXIST,
          "export to " + request.name() + ": a device is exported there; give another file");
    }
    if (added.size() >= FILE_MOUNTS_MAX) {
      throw new ErrnoException(
          Errno.EMFILE,
          "export to "
              + request.name()
              + ": there are "
              + FILE_MOUNTS_MAX
              + " already; remove one");
    }
    FileMount place = FileMount.prepare(request.name());
    try {
      checkFree(place.path());
      ExportedFile file =
          new ExportedFile(device.name(), device.role(), device.device(), request.readOnly());
      MountedTree mounted =
          mount(place.path(), FileTree.ofFile(owner, file), () -> unmounted(request.name(), file));
      Added entry = new Added(request, place, file, mounted);
      added.put(request.name(), entry);
      return info(entry);
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
      taken |= path.equals(entry.place.path());
    }
    if (taken) {
      throw new ErrnoException(
          Errno.EEXIST, "export to " + path + ": a device is exported there; give another file");
    }
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
      checkRemovable(name, entry, mode);
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
