/**
 * Difference storage in regular files: {@link
 * io.sluice.diffstore.file.internal.FileDiffStoreProvider} opens them, {@link
 * io.sluice.diffstore.file.internal.FileDiffStore} is one.
 */
package io.sluice.diffstore.file.internal;
