package io.sluice.loop.attach;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.export.ExportInfo;
import io.sluice.export.ExportRequest;
import io.sluice.export.Exporter;
import io.sluice.export.RateLimit;
import io.sluice.export.RemovalMode;
import io.sluice.linux.LoopDevices;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The loop devices of this agent: made on request, gone with their device or with the agent.
 * Thread-safe; no lock is held while the kernel is asked, since it asks the device.
 */
public final class LoopExports implements Exporter {
  static final String KIND = "loop";

  /** The least sector of a loop device. */
  private static final int SECTOR_SIZE_BYTES = 512;

  private static final System.Logger LOG = System.getLogger("io.sluice.loop");

  private final LoopKernel kernel;
  private final ServedFiles files;
  private final Runnable beforeFirst;

  // Guarded by this.
  private boolean begun;
  private final Map<String, BlockDevice> devices = new TreeMap<>();
  private final Set<LoopExport> exports = new LinkedHashSet<>();

  /**
   * @param files where loop devices stand on
   * @param beforeFirst what is to be done once, before the kernel writes through this process
   */
  public LoopExports(LoopKernel kernel, ServedFiles files, Runnable beforeFirst) {
    this.kernel = kernel;
    this.files = files;
    this.beforeFirst = beforeFirst;
  }

  @Override
  public String kind() {
    return KIND;
  }

  /** A live device or image is there. */
  public synchronized void deviceCame(String name, BlockDevice device) {
    devices.put(name, device);
  }

  /** A device goes: its loop devices are detached, whoever uses them. */
  public void deviceWent(String name, BlockDevice device) {
    synchronized (this) {
      devices.remove(name, device);
    }
    present().stream().filter(export -> export.device() == device).forEach(this::detach);
  }

  /** Detaches all, whoever uses them. */
  public void detachAll() {
    present().forEach(this::detach);
  }

  /**
   * Attaches one.
   *
   * @throws ErrnoException EINVAL for a name of one's own, a limit or options; ENODEV for no such
   *     device; ENOTSUP if it is served as no file; ESHUTDOWN if the device goes meanwhile; as
   *     {@link LoopDevices#attach}
   */
  @Override
  public ExportInfo add(ExportRequest request) throws ErrnoException {
    String task = "loop device on " + request.device();
    if (!request.name().isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL,
          task + ": the name \"" + request.name() + "\": the kernel gives the name; leave it out");
    }
    if (!request.limit().equals(RateLimit.NONE) || !request.options().isEmpty()) {
      throw new ErrnoException(
          Errno.EINVAL, task + ": it has neither limits nor options; leave them out");
    }
    BlockDevice device = device(request.device(), task);
    Path file = file(request.device(), task);
    begin();
    DeviceGeometry geometry = device.geometry();
    boolean readOnly = request.readOnly() || geometry.readOnly();
    LoopExport export = new LoopExport(this, request.device(), device, readOnly);
    export.held(device.hold(export));
    try {
      export.attached(
          kernel.attach(file, readOnly, Math.max(SECTOR_SIZE_BYTES, geometry.blockSizeBytes())));
    } catch (ErrnoException | RuntimeException | Error e) {
      export.letGo();
      throw e;
    }
    enter(export, request.device(), task);
    LOG.log(System.Logger.Level.INFO, "{0} attached to {1}", export.name(), request.device());
    return export.info();
  }

  private synchronized void begin() {
    if (!begun) {
      begun = true;
      beforeFirst.run();
    }
  }

  private synchronized BlockDevice device(String name, String task) throws ErrnoException {
    BlockDevice device = devices.get(name);
    if (device == null) {
      throw new ErrnoException(
          Errno.ENODEV, task + ": no such live device or image; there are " + devices.keySet());
    }
    return device;
  }

  private Path file(String name, String task) throws ErrnoException {
    return files
        .fileOf(name)
        .orElseThrow(
            () ->
                new ErrnoException(
                    Errno.ENOTSUP,
                    task
                        + ": it is served as no file that a loop device could stand on; this takes"
                        + " the bundle export-fuse and /dev/fuse: see bundle list and the agent's"
                        + " log"));
  }

  private void enter(LoopExport export, String name, String task) throws ErrnoException {
    synchronized (this) {
      exports.add(export);
      if (devices.get(name) == export.device()) {
        return;
      }
    }
    detach(export); // who took the device away did not see it
    throw new ErrnoException(Errno.ESHUTDOWN, task + ": the device has gone meanwhile");
  }

  /**
   * Detaches one.
   *
   * @param mode {@code SAFE} if nobody uses it; {@code HIDE} as soon as nobody does
   * @throws ErrnoException ENOENT if there is none; EBUSY if it is mounted, or claimed; ENOTSUP for
   *     the other modes: nobody can be made to let go of a block device
   */
  @Override
  public void remove(String name, RemovalMode mode) throws ErrnoException {
    if (mode == RemovalMode.SOFT || mode == RemovalMode.HARD) {
      throw new ErrnoException(
          Errno.ENOTSUP,
          "export remove "
              + name
              + ": who has a block device mounted can't be cut off; unmount it, or use the mode"
              + " hide");
    }
    for (LoopExport export : present()) {
      if (export.name().equals(name)) {
        List<String> users = mode == RemovalMode.SAFE ? claimants(export) : List.of();
        if (!users.isEmpty()) {
          throw new ErrnoException(
              Errno.EBUSY,
              "export remove "
                  + name
                  + ": it is "
                  + String.join(", ", users)
                  + "; unmount it, or end who uses it, first; or use the mode hide");
        }
        hide(export, name);
        return;
      }
    }
    throw new ErrnoException(Errno.ENOENT, "export remove " + name + ": no such loop device");
  }

  /** It has its device in use as long as the kernel has it. */
  private void hide(LoopExport export, String name) throws ErrnoException {
    kernel.detach(export.attached());
    export.hide();
    if (present().contains(export)) {
      LOG.log(System.Logger.Level.INFO, "{0} goes with its last user", name);
    } else {
      LOG.log(System.Logger.Level.INFO, "{0} detached", name);
    }
  }

  @Override
  public List<ExportInfo> list() {
    return present().stream().map(LoopExport::info).toList();
  }

  /** Those that are there still: anybody may detach a loop device by hand. */
  private List<LoopExport> present() {
    List<LoopExport> known;
    synchronized (this) {
      known = List.copyOf(exports);
    }
    if (known.isEmpty()) {
      return known;
    }
    List<LoopDevices.Attached> attached = kernel.list();
    List<LoopExport> present = new ArrayList<>();
    for (LoopExport export : known) {
      if (attached.stream().anyMatch(now -> isSame(now, export.attached()))) {
        present.add(export);
      } else {
        forget(export);
      }
    }
    return present;
  }

  private static boolean isSame(LoopDevices.Attached one, LoopDevices.Attached other) {
    return one.number() == other.number() && one.backingFile().equals(other.backingFile());
  }

  List<String> users(LoopExport export) {
    return kernel.users(export.attached());
  }

  /** Who keeps a loop device that is to go. */
  private List<String> claimants(LoopExport export) {
    List<String> users = users(export);
    return users.isEmpty() && kernel.isClaimed(export.attached())
        ? List.of("in use by a program that wants it for itself, or mounted in a container")
        : users;
  }

  void letGoIfUnused(LoopExport export) {
    if (present().contains(export) && claimants(export).isEmpty()) {
      detach(export);
    }
  }

  private void detach(LoopExport export) {
    List<String> users = users(export);
    try {
      kernel.detach(export.attached());
      LOG.log(
          System.Logger.Level.INFO,
          "{0} detached{1}",
          export.name(),
          users.isEmpty() ? "" : ", as soon as it is not " + String.join(", ", users));
    } catch (ErrnoException e) {
      LOG.log(System.Logger.Level.WARNING, export.name() + " stays: " + e.getMessage());
    }
    forget(export);
  }

  private void forget(LoopExport export) {
    synchronized (this) {
      exports.remove(export);
    }
    export.letGo();
  }

  /**
   * Detaches what an agent that was killed left: loop devices over files below a directory that
   * only an agent serves files in, and none does now.
   */
  public void detachLeft(Path directory) {
    for (LoopDevices.Attached attached : kernel.list()) {
      if (attached.backingFile().startsWith(directory)) {
        List<String> users = kernel.users(attached);
        String state = users.isEmpty() ? "" : ", as soon as it is not " + String.join(", ", users);
        try {
          kernel.detach(attached);
          LOG.log(
              System.Logger.Level.INFO,
              "{0} on {1} was left by an agent that did not end well; detached{2}",
              attached.path(),
              attached.backingFile(),
              state);
        } catch (ErrnoException e) {
          LOG.log(System.Logger.Level.WARNING, attached.path() + " stays: " + e.getMessage());
        }
      }
    }
  }
}
