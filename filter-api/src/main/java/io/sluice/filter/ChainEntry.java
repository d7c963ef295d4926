package io.sluice.filter;

/**
 * A filter in a device's chain.
 *
 * @param filter its name
 * @param altitude its place; a chain is listed from high to low, as bios meet it
 * @param onError what a fault does
 * @param state {@code "attached"}, or {@code "bypassed"} or {@code "failed"} after a fault
 * @param bioCount the bios it was given
 * @param errorCount those that failed in it or below
 * @param faultCount the faults of its own
 * @param fault the last fault in a sentence, or empty
 * @param latency how long bios take from here down
 * @param provider the bundle it is from, {@code "name version"}; empty if it is none
 */
public record ChainEntry(
    String filter,
    int altitude,
    OnError onError,
    String state,
    long bioCount,
    long errorCount,
    long faultCount,
    String fault,
    LatencySummary latency,
    String provider) {}
