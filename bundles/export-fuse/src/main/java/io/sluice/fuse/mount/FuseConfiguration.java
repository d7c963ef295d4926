package io.sluice.fuse.mount;

import java.nio.file.Path;

/**
 * How files are served.
 *
 * @param runDirectory the agent's; null if there is none, and no mount without asking
 * @param mounts whether all devices are shown without asking; if not, only over files asked for
 * @param everybody whether users other than the agent's may read and write
 * @param threadCount threads of a mount while no device waits
 */
public record FuseConfiguration(
    Path runDirectory, boolean mounts, boolean everybody, int threadCount) {
  /** The most that may be asked for. */
  public static final int THREADS_MAX = Readers.THREADS_MAX;

  /** What is best on two processors and not worse on more: the second overlaps with copying. */
  public static final int THREADS_DEFAULT = 2;
}
