package io.sluice.blksnap.diff;

import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.swap.HandOver;
import java.time.Duration;

/** Opens difference stores, and keeps those who provide them from being taken away meanwhile. */
public interface StoreSource {
  /**
   * An open store, and what is known of its provider.
   *
   * @param store the store
   * @param kind as in {@code --store KIND:ARG}
   * @param providerId the bundle that provides it
   * @param unpin lets the provider go; called once, after the store was closed or given away
   */
  record Provided(DiffStore store, String kind, long providerId, Runnable unpin) {}

  /**
   * Opens a store.
   *
   * @param user what it is for, for people: {@code "store of snapshot nightly"}
   * @throws ErrnoException EINVAL for a kind that nobody provides; the message lists those there
   *     are; EAGAIN if its provider is about to go; else what opening it throws
   */
  Provided open(String kind, String argument, String user) throws ErrnoException;

  /**
   * Takes over a store of a kind by whoever provides that kind now, waiting for one.
   *
   * @param handOver owned by the store if this returns
   * @param limit how long to wait for a provider
   * @throws ErrnoException EINVAL as {@link #open}, after the limit; else what the provider throws.
   *     The hand-over is the caller's then
   */
  Provided takeOver(String kind, HandOver handOver, String user, Duration limit)
      throws ErrnoException;
}
