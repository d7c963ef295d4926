package io.sluice.shell.blksnap;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.function.LongSupplier;

/**
 * The original's label of a moment: nanoseconds of the kernel's monotonic clock, which runs from
 * the boot and is never set. Services tell the time of day, so the label is how long the moment is
 * past, taken off the clock: right, unless the time of day was set in between.
 *
 * @param timeOfDay the clock of the services
 * @param monotonicNanos the kernel's monotonic clock
 */
record TimeLabel(InstantSource timeOfDay, LongSupplier monotonicNanos) {
  /** By the machine's clocks; {@link System#nanoTime} is the kernel's monotonic one on Linux. */
  static TimeLabel now() {
    return new TimeLabel(InstantSource.system(), System::nanoTime);
  }

  /** The label; 0 for what seems to be before the boot. */
  long of(Instant at) {
    long pastNanos = Duration.between(at, timeOfDay.instant()).toNanos();
    return Math.max(0, monotonicNanos.getAsLong() - pastNanos);
  }
}
