/** Mounts, the threads that serve them, and which device is shown where. */
package io.sluice.fuse.mount;
