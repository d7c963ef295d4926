package io.sluice.block;

import org.osgi.annotation.versioning.ConsumerType;

/** Who has a device in use. May be asked in any thread; answers at once, and never throws. */
@ConsumerType
public interface DeviceHolder {
  /** Who it is, for people: {@code "loop device /dev/loop0, mounted at /mnt"}. */
  String text();

  /**
   * The device is about to be removed: closes the hold if nobody needs it. It need not; the removal
   * is refused then.
   */
  default void askedToLetGo() {}
}
