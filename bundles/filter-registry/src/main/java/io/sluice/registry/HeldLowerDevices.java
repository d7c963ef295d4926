package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/** Lower devices that are closed and drained while the chain below them is changed. */
final class HeldLowerDevices implements AutoCloseable {
  private final List<LowerDevice> held = new ArrayList<>();

  private HeldLowerDevices() {}

  /**
   * Closes and drains the lower devices of all filters above an altitude, one after the other from
   * high to low: a bio in a high one may be inside a lower filter that needs its own to finish.
   *
   * @param device frozen, and its turn is the caller's
   * @param limitNanos for all of them together
   * @throws ErrnoException EAGAIN if one does not drain in time; all are open again then
   */
  static HeldLowerDevices above(
      int altitude, LiveDevice device, String task, long limitNanos, LongSupplier nanoClock)
      throws ErrnoException {
    long startNanos = nanoClock.getAsLong();
    HeldLowerDevices all = new HeldLowerDevices();
    device.lingering.removeIf(lower -> lower.gate.awaitDrained(0));
    List<LowerDevice> wanted = new ArrayList<>(device.lingering);
    for (AttachedFilter filter : device.chain().filters()) {
      if (filter.altitude > altitude) {
        wanted.add(filter.lower);
      }
    }
    for (LowerDevice lower : wanted) {
      lower.gate.close();
      all.held.add(lower);
      long leftNanos = limitNanos - (nanoClock.getAsLong() - startNanos);
      if (!lower.gate.awaitDrained(leftNanos)) {
        all.close();
        throw hung(lower, task, limitNanos);
      }
    }
    return all;
  }

  static ErrnoException hung(LowerDevice lower, String task, long limitNanos) {
    return new ErrnoException(
        Errno.EAGAIN,
        task
            + ": "
            + lower.gate.insideCount()
            + " bios of filter "
            + lower.filter
            + " itself were still in flight below it after "
            + Turns.limitText(limitNanos)
            + ", the limit; the chain is as it was; try again");
  }

  @Override
  public void close() {
    held.forEach(lower -> lower.gate.open());
  }
}
