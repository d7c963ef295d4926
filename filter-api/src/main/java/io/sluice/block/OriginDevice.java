package io.sluice.block;

import org.osgi.annotation.versioning.ConsumerType;

/** An open origin: the storage itself, held exclusively. */
@ConsumerType
public interface OriginDevice extends BlockDevice, AutoCloseable {
  /** The path it was opened by. */
  String path();

  /** What the path leads to, so that a difference store is never put on the device it serves. */
  StorageIdentity identity();

  /**
   * Lets the storage go. The caller has drained its bios; one that comes later fails with
   * ESHUTDOWN. Idempotent.
   *
   * @throws ErrnoException if the last data could not be handed to the kernel
   */
  @Override
  void close() throws ErrnoException;
}
