/**
 * Copy-on-write: which chunks of a device have been saved since the take, where their old data are,
 * and how they get there before a write changes them.
 */
package io.sluice.blksnap.cow;
