package io.sluice.blksnap.session;

import io.sluice.block.ErrnoException;
import io.sluice.snapshot.FreezeInfo;
import java.util.List;

/** The file systems that are frozen for a cut. */
@FunctionalInterface
public interface FileSystems {
  /**
   * Freezes, and waits for it for a limited time. What can't be frozen is told by {@link
   * Freeze#thaw()}, and keeps nobody from going on.
   *
   * @param mountPoints absolute paths
   * @param devices names of devices: what is found to be mounted on them is frozen too, as far as
   *     it can be
   * @throws ErrnoException if a path is no mount point, or must not be frozen; none is frozen then
   */
  Freeze freeze(List<String> mountPoints, List<String> devices) throws ErrnoException;

  /** What is frozen now. */
  @FunctionalInterface
  interface Freeze {
    /** Thaws all; never fails. To be called once, whatever happened. */
    List<FreezeInfo> thaw();
  }
}
