package io.sluice.blksnap.osgi;

import io.sluice.blksnap.session.FileSystems;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.TakeRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Freezes file systems, each in a thread of its own: a freeze writes through the very devices that
 * are to be cut, and if that hangs, the take must not.
 */
final class FileSystemFreezer implements FileSystems {
  /** Finds what is mounted on devices. */
  @FunctionalInterface
  interface Finder {
    /**
     * Each file system that is mounted on one of some devices, with all its mount points. As far as
     * can be told; never fails.
     */
    List<List<Path>> mountedOn(List<String> devices);
  }

  private final FreezeThread.Opener opener;
  private final Finder finder;
  private final Duration freezeLimit;
  private final Duration frozenLimit;
  // Those that hang; each new freeze weeds them.
  private final Queue<FreezeThread> late = new ConcurrentLinkedQueue<>();

  /**
   * @param freezeLimit how long to wait for a freeze, and for a thaw
   * @param frozenLimit after which a file system is thawed in any case
   */
  FileSystemFreezer(
      FreezeThread.Opener opener, Finder finder, Duration freezeLimit, Duration frozenLimit) {
    this.opener = opener;
    this.finder = finder;
    this.freezeLimit = freezeLimit;
    this.frozenLimit = frozenLimit;
  }

  @Override
  public Freeze freeze(List<String> mountPoints, List<String> devices) throws ErrnoException {
    check(mountPoints);
    List<FreezeThread> threads = new ArrayList<>();
    for (String mountPoint : new LinkedHashSet<>(mountPoints)) {
      threads.add(new FreezeThread(mountPoint, true, opener, frozenLimit));
    }
    List<FreezeInfo> left = addFound(threads, mountPoints, devices);
    try {
      threads.forEach(Thread::start);
      long deadlineNanos = System.nanoTime() + freezeLimit.toNanos();
      for (FreezeThread thread : threads) {
        thread.awaitSettled(deadlineNanos);
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      List<FreezeInfo> unused = thaw(threads);
      throw e;
    }
    return () -> {
      List<FreezeInfo> infos = thaw(threads);
      infos.addAll(left);
      return infos;
    };
  }

  /** Adds what is mounted on devices, and tells what is too much. */
  private List<FreezeInfo> addFound(
      List<FreezeThread> threads, List<String> named, List<String> devices) {
    List<FreezeInfo> left = new ArrayList<>();
    for (List<Path> found : devices.isEmpty() ? List.<List<Path>>of() : finder.mountedOn(devices)) {
      String mountPoint = found.get(0).toString();
      if (found.stream().map(Path::toString).anyMatch(named::contains)) {
        continue;
      }
      if (late.size() + threads.size() < TakeRequest.FREEZE_COUNT_MAX) {
        threads.add(new FreezeThread(mountPoint, false, opener, frozenLimit));
      } else {
        String warning =
            "file system at "
                + mountPoint
                + ": not frozen: beside others that hang, it is beyond the limit of "
                + TakeRequest.FREEZE_COUNT_MAX;
        left.add(new FreezeInfo(mountPoint, 0, warning));
      }
    }
    return left;
  }

  private void check(List<String> mountPoints) throws ErrnoException {
    late.removeIf(thread -> !thread.isAlive());
    int lateCount = mountPoints.isEmpty() ? 0 : late.size();
    if (lateCount + mountPoints.size() > TakeRequest.FREEZE_COUNT_MAX) {
      throw new ErrnoException(
          Errno.EINVAL,
          "freeze of "
              + mountPoints.size()
              + " file systems, beside "
              + late.size()
              + " that hang: at most "
              + TakeRequest.FREEZE_COUNT_MAX);
    }
    for (String mountPoint : mountPoints) {
      if (!Path.of(mountPoint).isAbsolute()) {
        throw new ErrnoException(
            Errno.EINVAL, "freeze of \"" + mountPoint + "\": give an absolute path");
      }
    }
  }

  private List<FreezeInfo> thaw(List<FreezeThread> threads) {
    threads.forEach(FreezeThread::release);
    long deadlineNanos = System.nanoTime() + freezeLimit.toNanos();
    List<FreezeInfo> infos = new ArrayList<>();
    for (FreezeThread thread : threads) {
      infos.add(thread.awaitThawed(deadlineNanos));
      if (thread.isAlive()) {
        late.add(thread);
      }
    }
    return infos;
  }
}
