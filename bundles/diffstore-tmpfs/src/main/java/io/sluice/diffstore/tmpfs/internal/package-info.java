/**
 * Difference storage in memory: {@link io.sluice.diffstore.tmpfs.internal.TmpfsDiffStoreProvider}
 * opens stores, {@link io.sluice.diffstore.tmpfs.internal.TmpfsDiffStore} is one, and {@link
 * io.sluice.diffstore.tmpfs.internal.MemoryBudget} bounds all of them together.
 */
package io.sluice.diffstore.tmpfs.internal;
