package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The right to change or freeze some devices, which one owner has at a time. */
final class Turns implements AutoCloseable {
  private List<LiveDevice> taken;

  private Turns(List<LiveDevice> taken) {
    this.taken = taken;
  }

  /**
   * Waits for the turn on each device, in the order of the list.
   *
   * @param devices sorted by name, as everybody does, so that two owners never wait for each other
   * @param task for the error: {@code "device freeze"}
   * @param limitNanos how long to wait for each
   * @throws ErrnoException EAGAIN if another owner keeps a device that long; none is taken then
   */
  static Turns take(List<LiveDevice> devices, String task, long limitNanos) throws ErrnoException {
    int count = 0;
    for (LiveDevice device : devices) {
      if (!acquire(device, limitNanos)) {
        new Turns(devices.subList(0, count)).close();
        throw new ErrnoException(
            Errno.EAGAIN,
            task
                + " "
                + device.name
                + ": the device was frozen or being changed by somebody else for all of "
                + limitText(limitNanos)
                + "; try again");
      }
      count++;
    }
    return new Turns(devices);
  }

  private static boolean acquire(LiveDevice device, long limitNanos) {
    long startNanos = System.nanoTime();
    boolean interrupted = false;
    try {
      while (true) {
        try {
          long leftNanos = limitNanos - (System.nanoTime() - startNanos);
          return device.turn.tryAcquire(leftNanos, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  static String limitText(long limitNanos) {
    return TimeUnit.NANOSECONDS.toMillis(limitNanos) + " ms";
  }

  /** Gives the turns back. Idempotent; any thread. */
  @Override
  public synchronized void close() {
    taken.forEach(device -> device.turn.release());
    taken = List.of();
  }
}
