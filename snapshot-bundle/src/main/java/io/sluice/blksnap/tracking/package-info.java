/**
 * Change tracking: two byte maps, the numbers and generations that order them, and the formulas
 * that size them. Knows nothing of snapshots, stores or images.
 */
package io.sluice.blksnap.tracking;
