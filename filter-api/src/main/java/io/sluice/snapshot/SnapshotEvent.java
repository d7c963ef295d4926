package io.sluice.snapshot;

import java.time.Instant;
import java.util.UUID;

/**
 * Something that happened to a snapshot.
 *
 * @param snapshot its id
 * @param at when
 * @param code what
 * @param device the device concerned, or empty
 * @param errno the positive errno of {@link Code#CORRUPTED}; 0 otherwise
 * @param requestedSectors of {@link Code#NO_SPACE}: the sectors granted so far, which can't grow
 */
public record SnapshotEvent(
    UUID snapshot, Instant at, Code code, String device, int errno, long requestedSectors) {
  /** The kinds of events. */
  public enum Code {
    /** An image is lost; once per device. The origin is not affected. */
    CORRUPTED,
    /** The store is half through its last portion and can't grow; once per snapshot. */
    NO_SPACE
  }
}
