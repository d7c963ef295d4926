/** The structures of the kernel's FUSE protocol in memory: nothing here reads, writes or waits. */
package io.sluice.fuse.codec;
