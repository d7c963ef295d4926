package io.sluice.snapshot;

/**
 * How the freeze of a file system for a cut went.
 *
 * @param mountPoint where it is mounted
 * @param frozenNanos from the call that froze it to its thaw; 0 if it was not frozen
 * @param warning why it was not frozen for all of the cut, in one line; empty if it was
 */
public record FreezeInfo(String mountPoint, long frozenNanos, String warning) {}
