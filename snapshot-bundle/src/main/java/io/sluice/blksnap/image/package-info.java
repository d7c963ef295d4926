/** The image: one device's view of a snapshot as a block device. */
package io.sluice.blksnap.image;
