package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.blksnap.diff.BatchBuffers;
import io.sluice.blksnap.diff.StoreSource;
import io.sluice.blksnap.diff.Waiting;
import io.sluice.filter.FilterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Everything the engine needs of the world. With these replaced it runs in the simulator, one
 * thread and one seed.
 *
 * @param registry freezes devices, and attaches the filter where it is missing
 * @param stores opens stores
 * @param locks makes locks, without conditions; no wait for one takes notice of an interrupt, since
 *     it may be a write that waits
 * @param waits makes what store I/O and copies wait at
 * @param states keeps what is known of changes over a restart
 * @param background runs what may wait for a store: each task at once, whatever the others do
 * @param clock tells the time of takes and events
 * @param ids makes snapshot and generation ids
 * @param images makes images known
 * @param buffers the budget for copies in flight
 * @param imageBuffers the same for writers of images, who may keep them as long as a store takes
 * @param batches the memory for saved chunks on their way to stores
 * @param copyLimit how long a write waits for memory, for a lock or for a store to grow, before the
 *     snapshot breaks
 * @param fileSystems freezes what is mounted on devices
 * @param drainLimit how long bios in flight may keep a cut waiting
 * @param log told, in one line each, what an operator should know
 */
public record EngineEdges(
    FilterRegistry registry,
    StoreSource stores,
    Supplier<Lock> locks,
    Supplier<Waiting> waits,
    TrackingStates states,
    Executor background,
    InstantSource clock,
    Supplier<UUID> ids,
    ImagePublisher images,
    CopyBuffers buffers,
    CopyBuffers imageBuffers,
    BatchBuffers batches,
    Duration copyLimit,
    FileSystems fileSystems,
    Duration drainLimit,
    Consumer<String> log) {}
