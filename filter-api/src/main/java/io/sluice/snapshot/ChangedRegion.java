package io.sluice.snapshot;

/**
 * A part of a device, and how much of it has changed.
 *
 * @param firstSector where it starts, in sectors of 512 bytes
 * @param sectorCount how many
 * @param changedBytes how many of its bytes lie in tracking blocks that changed
 */
public record ChangedRegion(long firstSector, long sectorCount, long changedBytes) {}
