package io.sluice.snapshot;

import java.util.UUID;

/**
 * A device's change tracking.
 *
 * @param device its name
 * @param capacityBytes the tracked length
 * @param blockSizeBytes the tracking block
 * @param blockCount the map's length
 * @param generationId changes whenever a change may have been missed, or the numbers ran out
 * @param changesNumber the number of the last snapshot taken, 1 to 255; 0 before the first
 */
public record CbtInfo(
    String device,
    long capacityBytes,
    int blockSizeBytes,
    int blockCount,
    UUID generationId,
    int changesNumber) {}
