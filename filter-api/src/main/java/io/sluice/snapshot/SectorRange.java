package io.sluice.snapshot;

/**
 * A range of sectors of 512 bytes.
 *
 * @param firstSector where it starts
 * @param sectorCount how many
 */
public record SectorRange(long firstSector, long sectorCount) {}
