package io.sluice.filter;

import org.osgi.annotation.versioning.ProviderType;

/** Devices that are frozen: new bios wait, none is in flight. */
@ProviderType
public interface Frozen extends AutoCloseable {
  /** How long the first of the devices has been held, in nanoseconds. */
  long heldNanos();

  /** Thaws all of them. Idempotent; may be called from any thread. */
  @Override
  void close();
}
