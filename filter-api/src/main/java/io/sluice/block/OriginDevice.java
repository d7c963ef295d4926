package io.sluice.block;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/** An open origin: the storage itself, held exclusively. */
@ConsumerType
public interface OriginDevice extends BlockDevice, AutoCloseable {
  /** The path it was opened by. */
  String path();

  /** What the path leads to, so that a difference store is never put on the device it serves. */
  StorageIdentity identity();

  /**
   * Whether the storage has gone from under the device: it was deleted, cut short, or pulled out.
   * Asked after errors and every few seconds; never throws, and does not wait for the storage.
   *
   * @return what happened, in a sentence, or empty while all is well
   */
  default Optional<String> lost() {
    return Optional.empty();
  }

  /**
   * A text that differs once the storage's bytes may have been changed, by whatever way: so that
   * who compares it with an earlier one knows whether it has seen all writes. Asked when nothing
   * writes; makes the data durable first where that matters, and may wait for some milliseconds.
   *
   * @return empty if it can't be told
   */
  default Optional<String> contentStamp() {
    return Optional.empty();
  }

  /**
   * Lets the storage go. The caller has drained its bios; one that comes later fails with
   * ESHUTDOWN. Idempotent.
   *
   * @throws ErrnoException if the last data could not be handed to the kernel
   */
  @Override
  void close() throws ErrnoException;
}
