/**
 * What difference stores behind a file descriptor have in common: {@link
 * io.sluice.linux.store.DescriptorStore}, and what such a store tells its successor.
 */
package io.sluice.linux.store;
