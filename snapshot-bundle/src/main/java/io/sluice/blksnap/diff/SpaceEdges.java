package io.sluice.blksnap.diff;

import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.Supplier;

/**
 * What spaces need of the world.
 *
 * @param stores opens stores, and finds other versions of their providers
 * @param locks makes locks
 * @param waits makes what is waited at
 * @param background runs what may wait for a store: each task at once, whatever the others do
 * @param batches the memory for chunks on their way to stores
 * @param waitLimit how long a write may wait for its copy to be taken over
 * @param clock tells how fast stores fill
 * @param portionBytes diff_storage_minimum
 */
public record SpaceEdges(
    StoreSource stores,
    Supplier<Lock> locks,
    Supplier<Waiting> waits,
    Executor background,
    BatchBuffers batches,
    Duration waitLimit,
    InstantSource clock,
    long portionBytes) {}
