package io.sluice.nbd.session;

import java.util.concurrent.Executor;
import java.util.function.LongSupplier;

/**
 * What sessions share.
 *
 * @param connectionBuffers two buffers for each client
 * @param workerBuffers payloads of requests that are with workers
 * @param workers runs them; throws RejectedExecutionException rather than queueing
 * @param nanoClock measures intervals
 */
public record SessionResources(
    BufferPool connectionBuffers,
    BufferPool workerBuffers,
    Executor workers,
    LongSupplier nanoClock) {}
