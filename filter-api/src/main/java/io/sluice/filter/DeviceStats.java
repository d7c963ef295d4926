package io.sluice.filter;

/**
 * Counters of a live device since it was added. Bytes are those of completed bios.
 *
 * @param device its name
 * @param readCount reads
 * @param readBytes bytes read
 * @param writeCount writes
 * @param writeBytes bytes written
 * @param flushCount flushes
 * @param discardCount discards
 * @param discardBytes bytes discarded
 * @param writeZeroesCount write-zeroes
 * @param writeZeroesBytes bytes zeroed
 * @param errorCount bios that failed
 * @param inFlightCount bios in the chain now
 * @param freezeCount times the device was frozen
 * @param freezeMaxNanos the longest freeze
 */
public record DeviceStats(
    String device,
    long readCount,
    long readBytes,
    long writeCount,
    long writeBytes,
    long flushCount,
    long discardCount,
    long discardBytes,
    long writeZeroesCount,
    long writeZeroesBytes,
    long errorCount,
    long inFlightCount,
    long freezeCount,
    long freezeMaxNanos) {}
