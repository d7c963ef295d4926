package io.sluice.origin.file;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.linux.ControlDescriptor;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The origin's geometry, and the check of each bio against it. The size is that of the file, which
 * others may change; it is asked again when a bio ends past it, and from time to time.
 */
final class OriginGeometry {
  /** How old the size may get, in nanoseconds. */
  static final long SIZE_AGE_MAX_NANOS = 200_000_000L;

  private final String name;
  private final ControlDescriptor control;
  private final Alarm alarm;

  /** Whether the size has got so old. Set by the alarm, taken back by whoever asks the kernel. */
  private final AtomicBoolean old = new AtomicBoolean();

  private volatile DeviceGeometry current;
  private volatile long largestBytes;

  /** Null until it happens. */
  private volatile String shrinking;

  OriginGeometry(String name, ControlDescriptor control, DeviceGeometry initial, Alarm alarm) {
    this.name = name;
    this.control = control;
    this.alarm = alarm;
    this.current = initial;
    this.largestBytes = initial.sizeBytes();
    age();
  }

  /** An origin that nobody uses asks for one alarm and no more. */
  private void age() {
    alarm.after(SIZE_AGE_MAX_NANOS, () -> old.set(true));
  }

  static Set<BioOp> ops(boolean readOnly) {
    return readOnly ? EnumSet.of(BioOp.READ, BioOp.FLUSH) : EnumSet.allOf(BioOp.class);
  }

  DeviceGeometry current() {
    // One thread asks; the others go on with what is known.
    if (old.get() && old.compareAndSet(true, false)) {
      age();
      refresh();
    }
    return current;
  }

  /** Refuses a bio that can't be served, with EIO if only because the file has become shorter. */
  void check(Bio bio) throws ErrnoException {
    DeviceGeometry geometry = current();
    if (bio.endBytes() > geometry.sizeBytes()) {
      refresh();
      geometry = current;
      if (bio.endBytes() > geometry.sizeBytes() && bio.endBytes() <= largestBytes) {
        throw new ErrnoException(
            Errno.EIO,
            bio
                + " on "
                + name
                + ": past the end of the file at "
                + geometry.sizeBytes()
                + " bytes, which was truncated underneath from "
                + largestBytes);
      }
    }
    geometry.check(bio, name);
  }

  private synchronized void refresh() {
    long sizeBytes;
    try {
      sizeBytes = control.sizeBytes();
    } catch (ErrnoException e) {
      // Closed meanwhile, or the device is gone: its I/O tells, the last known geometry stands.
      return;
    }
    noteSize(sizeBytes);
  }

  /** How the file was once shorter than before, in a few words; growing again does not undo it. */
  Optional<String> shrinking() {
    return Optional.ofNullable(shrinking);
  }

  /** Takes down the size as the kernel tells it; below 0 for a device that is gone. */
  synchronized void noteSize(long toldBytes) {
    long sizeBytes = Math.max(0, toldBytes);
    DeviceGeometry old = current;
    if (sizeBytes < old.sizeBytes() && shrinking == null) {
      shrinking = "from " + old.sizeBytes() + " to " + sizeBytes + " bytes";
    }
    long wholeBytes = sizeBytes - sizeBytes % old.blockSizeBytes();
    if (wholeBytes == old.sizeBytes()) {
      return;
    }
    largestBytes = Math.max(largestBytes, wholeBytes);
    current =
        new DeviceGeometry(
            wholeBytes,
            old.blockSizeBytes(),
            old.preferredSizeBytes(),
            old.readOnly(),
            old.rotational(),
            old.ops());
  }
}
