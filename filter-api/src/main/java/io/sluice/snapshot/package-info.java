/**
 * Control of snapshots and change tracking: blksnap's verbs, errors and events, and the immutable
 * records that describe them.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.snapshot;
