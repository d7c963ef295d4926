package io.sluice.registry;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.Frozen;
import java.util.List;
import java.util.function.LongSupplier;

/** Devices whose gates are closed with nobody inside. The owner has their turns. */
final class Freeze implements Frozen {
  private final List<LiveDevice> devices;
  private final LongSupplier nanoClock;
  private final long startNanos;
  private final Runnable afterThaw;

  /** Guarded by this. */
  private boolean thawed;

  private long heldNanos;

  private Freeze(List<LiveDevice> devices, LongSupplier nanoClock, Runnable afterThaw) {
    this.devices = devices;
    this.nanoClock = nanoClock;
    this.afterThaw = afterThaw;
    this.startNanos = nanoClock.getAsLong();
  }

  /**
   * Closes all gates, then drains all, so that the drains run side by side and no device goes on
   * taking bios while another one is already held for it.
   *
   * @param task for the error
   * @param drainLimitNanos for all of them together
   * @param afterThaw run once, after the gates are open again; not if this throws
   * @throws ErrnoException EAGAIN if bios do not drain in time; all gates are open again then
   */
  static Freeze start(
      List<LiveDevice> devices,
      String task,
      long drainLimitNanos,
      LongSupplier nanoClock,
      Runnable afterThaw)
      throws ErrnoException {
    Freeze freeze = new Freeze(devices, nanoClock, afterThaw);
    devices.forEach(device -> device.gate.close());
    for (LiveDevice device : devices) {
      long leftNanos = drainLimitNanos - (nanoClock.getAsLong() - freeze.startNanos);
      if (!device.gate.awaitDrained(leftNanos)) {
        long insideCount = device.gate.insideCount();
        freeze.thaw();
        throw new ErrnoException(
            Errno.EAGAIN,
            task
                + " "
                + device.name
                + ": "
                + insideCount
                + " bios were still in flight after "
                + Turns.limitText(drainLimitNanos)
                + ", the limit; the device goes on as it was; try again");
      }
    }
    return freeze;
  }

  private void thaw() {
    devices.forEach(device -> device.gate.open());
    heldNanos = nanoClock.getAsLong() - startNanos;
    devices.forEach(device -> device.countFreeze(heldNanos));
    thawed = true;
  }

  @Override
  public synchronized long heldNanos() {
    return thawed ? heldNanos : nanoClock.getAsLong() - startNanos;
  }

  @Override
  public synchronized void close() {
    if (!thawed) {
      thaw();
      afterThaw.run();
    }
  }
}
