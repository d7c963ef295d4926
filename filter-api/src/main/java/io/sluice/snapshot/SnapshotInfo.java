package io.sluice.snapshot;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

/**
 * A snapshot.
 *
 * @param id its id
 * @param name the name given, or empty
 * @param state created or taken
 * @param takenAt the moment of the take, or null before it
 * @param holdNanos how long the devices were held for the cut; 0 before the take
 * @param devices its devices, in the order they were added
 * @param store its difference storage
 */
public record SnapshotInfo(
    UUID id,
    String name,
    SnapshotState state,
    Instant takenAt,
    long holdNanos,
    List<SnapshotDeviceInfo> devices,
    StoreInfo store) {}
