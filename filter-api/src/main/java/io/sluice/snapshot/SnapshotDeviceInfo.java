package io.sluice.snapshot;

import java.util.UUID;

/**
 * One device of a snapshot.
 *
 * @param device its name
 * @param image the image's name, {@code DEV@SNAP}, or empty before the take
 * @param errorCode 0, or the negative errno that ended the image
 * @param chunkSizeBytes the unit of copy-on-write; 0 before the take
 * @param chunksSaved chunks whose old data, or image writes, are kept in the store
 * @param chunksZero chunks known to be all zeroes, which take no space
 * @param bytesCopied bytes read from the origin to be kept
 * @param generationId the tracking generation at the take, or null before it
 * @param changesNumber the tracking number of this snapshot; 0 before the take
 */
public record SnapshotDeviceInfo(
    String device,
    String image,
    int errorCode,
    int chunkSizeBytes,
    long chunksSaved,
    long chunksZero,
    long bytesCopied,
    UUID generationId,
    int changesNumber) {}
