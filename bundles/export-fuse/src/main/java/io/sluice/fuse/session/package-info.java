/** Serving requests, one at a time for each thread: what the kernel asks, and what it is told. */
package io.sluice.fuse.session;
