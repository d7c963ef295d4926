package io.sluice.blksnap.session;

import io.sluice.blksnap.cow.CopyBuffers;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStoreProvider;
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
 * @param stores the provider of a store kind
 * @param locks makes locks; only lock and unlock are called
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
    StoreKinds stores,
    Supplier<Lock> locks,
    Executor growth,
    InstantSource clock,
    Supplier<UUID> ids,
    ImagePublisher images,
    CopyBuffers buffers,
    Duration drainLimit,
    Consumer<String> log) {

  /** Finds the providers of difference stores. */
  @FunctionalInterface
  public interface StoreKinds {
    /**
     * @throws ErrnoException EINVAL for a kind that nobody provides; the message lists those there
     *     are
     */
    DiffStoreProvider provider(String kind) throws ErrnoException;
  }
}
