package io.sluice.snapshot;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A snapshot.
 *
 * @param id its id
 * @param name the name given, or empty
 * @param state created or taken
 * @param takenAt the moment of the take, or null before it
 * @param holdNanos how long the devices were held for the cut; 0 before the take
 * @param freezes the file systems that were to be frozen for the cut, as it asked
 * @param devices its devices, in the order they were added
 * @param store its difference storage: all stores together
 * @param stores each store, in the order in which they are filled
 * @param fillBytesPerSecond how fast they fill, over the last minute
 */
public record SnapshotInfo(
    UUID id,
    String name,
    SnapshotState state,
    Instant takenAt,
    long holdNanos,
    List<FreezeInfo> freezes,
    List<SnapshotDeviceInfo> devices,
    StoreInfo store,
    List<StoreInfo> stores,
    long fillBytesPerSecond) {
  /** Copies the lists. */
  public SnapshotInfo {
    freezes = List.copyOf(freezes);
    devices = List.copyOf(devices);
    stores = List.copyOf(stores);
  }

  /** When the stores overflow if they go on filling as fast; empty if they do not fill. */
  public Optional<Duration> timeToFull() {
    if (fillBytesPerSecond <= 0) {
      return Optional.empty();
    }
    long leftBytes = Math.max(0, store.limitBytes() - store.filledBytes());
    return Optional.of(Duration.ofSeconds(leftBytes / fillBytesPerSecond));
  }
}
