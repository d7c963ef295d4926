package io.sluice.snapshot;

/**
 * A snapshot's difference storage.
 *
 * @param description for people
 * @param capacityBytes reserved now
 * @param filledBytes allocated to chunks
 * @param limitBytes how far it may grow
 */
public record StoreInfo(
    String description, long capacityBytes, long filledBytes, long limitBytes) {}
