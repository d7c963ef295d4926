package io.sluice.snapshot;

import java.util.List;

/**
 * What to create.
 *
 * @param devices names of live devices; may be empty, to be added later
 * @param storeKind as in {@code --store KIND:ARG}
 * @param storeArgument what follows the colon
 * @param limitBytes how far the store may grow; 0 for all that can be needed: twice the devices'
 *     sizes, once for old data and once for what is written to the images
 * @param chunkSizeBytes the unit of copy-on-write, a power of two from 4096; 0 for that of the
 *     devices' other snapshots, which must be the same, or else the formula
 * @param name a name beside the id, or empty
 */
public record SnapshotRequest(
    List<String> devices,
    String storeKind,
    String storeArgument,
    long limitBytes,
    int chunkSizeBytes,
    String name) {
  /** Copies the list. */
  public SnapshotRequest {
    devices = List.copyOf(devices);
  }
}
