package io.sluice.snapshot;

/**
 * What a tracking block of some size makes of writes.
 *
 * @param blockSizeBytes the size
 * @param changedBlockCount how many blocks would be marked
 * @param changedBytes what an increment would read: their lengths, clipped at the device's end
 */
public record BlockSizeEffect(int blockSizeBytes, long changedBlockCount, long changedBytes) {}
