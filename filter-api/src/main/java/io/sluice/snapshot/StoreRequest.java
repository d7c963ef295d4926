package io.sluice.snapshot;

/**
 * A difference store to open.
 *
 * @param kind as in {@code --store KIND:ARG}
 * @param argument what follows the colon
 * @param limitBytes how far it may grow; 0 for all that the snapshot's devices can need
 */
public record StoreRequest(String kind, String argument, long limitBytes) {}
