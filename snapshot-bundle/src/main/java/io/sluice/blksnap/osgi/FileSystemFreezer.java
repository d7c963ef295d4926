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
  private final FreezeThread.Opener opener;
  private final Duration freezeLimit;
  private final Duration frozenLimit;
  // Those that hang; each new freeze weeds them.
  private final Queue<FreezeThread> late = new ConcurrentLinkedQueue<>();

  /**
   * @param freezeLimit how long to wait for a freeze, and for a thaw
   * @param frozenLimit after which a file system is thawed in any case
   */
  FileSystemFreezer(FreezeThread.Opener opener, Duration freezeLimit, Duration frozenLimit) {
    this.opener = opener;
    this.freezeLimit = freezeLimit;
    this.frozenLimit = frozenLimit;
  }

  @Override
  public Freeze freeze(List<String> mountPoints) throws ErrnoException {
    check(mountPoints);
    List<FreezeThread> threads = new ArrayList<>();
    try {
      for (String mountPoint : new LinkedHashSet<>(mountPoints)) {
        FreezeThread thread = new FreezeThread(mountPoint, opener, frozenLimit);
        thread.start();
        threads.add(thread);
      }
      long deadlineNanos = System.nanoTime() + freezeLimit.toNanos();
      for (FreezeThread thread : threads) {
        thread.awaitSettled(deadlineNanos);
      }
    } catch (ErrnoException | RuntimeException | Error e) {
      List<FreezeInfo> unused = thaw(threads);
      throw e;
    }
    return () -> thaw(threads);
  }

  private void check(List<String> mountPoints) throws ErrnoException {
    late.removeIf(thread -> !thread.isAlive());
    if (mountPoints.size() > TakeRequest.FREEZE_COUNT_MAX
        || late.size() + mountPoints.size() > TakeRequest.FREEZE_COUNT_MAX) {
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
