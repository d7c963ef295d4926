package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CopyBuffers;
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
 * @param locks makes locks; only lock and unlock are called
 * @param waits makes what store I/O waits at while a provider is replaced
 * @param states keeps what is known of changes over a restart
 * @param growth runs the growth of stores in the background
 * @param clock tells the time of takes and events
 * @param ids makes snapshot and generation ids
 * @param images makes images known
 * @param buffers the budget for copies in flight
 * @param drainLimit how long bios in flight may keep a cut waiting
 * @param log told, in one line each, what an operator should know
 */
public record EngineEdges(
    FilterRegistry registry,
    StoreSource stores,
    Supplier<Lock> locks,
    Supplier<Waiting> waits,
    TrackingStates states,
    Executor growth,
    InstantSource clock,
    Supplier<UUID> ids,
    ImagePublisher images,
    CopyBuffers buffers,
    Duration drainLimit,
    Consumer<String> log) {}
