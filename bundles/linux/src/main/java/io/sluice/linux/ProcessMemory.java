package io.sluice.linux;

import com.sun.jna.Native;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.file.Path;
import java.util.List;

/** This process's memory. */
public final class ProcessMemory {
  /** Which right it takes, as a bit of the effective capabilities. */
  private static final int CAP_IPC_LOCK = 14;

  private static final String LIMIT = "Max locked memory";

  private ProcessMemory() {}

  /**
   * Keeps each page of this process in memory from when it is touched first (mlockall). Only where
   * nothing limits it: at a limit, later allocations of the process would fail.
   *
   * @throws ErrnoException EPERM where it is limited; EINVAL from a kernel before 4.4
   */
  public static void lock() throws ErrnoException {
    if (!mayLock(
        BlockSysfs.read(Path.of("/proc/self/status")).lines().toList(),
        BlockSysfs.read(Path.of("/proc/self/limits")).lines().toList())) {
      throw new ErrnoException(
          Errno.EPERM,
          "lock the memory of this process: it has neither CAP_IPC_LOCK nor an unlimited"
              + " RLIMIT_MEMLOCK (LimitMEMLOCK=infinity of systemd)");
    }
    if (Libc.mlockall(Libc.MCL_CURRENT | Libc.MCL_FUTURE | Libc.MCL_ONFAULT) != 0) {
      throw SystemErrors.failure(Native.getLastError(), "lock the memory of this process");
    }
  }

  /** By the lines of /proc/self/status and /proc/self/limits. */
  static boolean mayLock(List<String> status, List<String> limits) {
    for (String line : status) {
      if (line.startsWith("CapEff:")) {
        long effective = Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16);
        if ((effective >>> CAP_IPC_LOCK & 1) == 1) {
          return true;
        }
      }
    }
    return limits.stream()
        .filter(line -> line.startsWith(LIMIT))
        .anyMatch(line -> line.substring(LIMIT.length()).strip().startsWith("unlimited"));
  }
}
