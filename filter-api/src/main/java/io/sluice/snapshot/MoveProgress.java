package io.sluice.snapshot;

import org.osgi.annotation.versioning.ConsumerType;

/** Told how far a move of stores has come, and asked whether to go on. */
@ConsumerType
@FunctionalInterface
public interface MoveProgress {
  /**
   * Some more has been copied. In the thread that moves; what it throws ends the move.
   *
   * @param doneBytes copied so far
   * @param totalBytes what there is to copy, as far as is known: it grows while the store fills
   * @return false to give the move up
   */
  boolean moved(long doneBytes, long totalBytes);
}
