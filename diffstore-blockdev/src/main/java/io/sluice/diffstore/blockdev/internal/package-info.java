/**
 * Difference storage on block devices: {@link
 * io.sluice.diffstore.blockdev.internal.BlockdevDiffStoreProvider} opens stores, {@link
 * io.sluice.diffstore.blockdev.internal.BlockdevDiffStore} is one.
 */
package io.sluice.diffstore.blockdev.internal;
