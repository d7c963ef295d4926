/** Snapshots over several devices: the filter on each, the one cut, events, and the verbs. */
package io.sluice.blksnap.session;
