/**
 * The kernel's side of a FUSE file system: {@link io.sluice.linux.fuse.FuseDescriptor}, the device
 * that requests come from, and {@link io.sluice.linux.fuse.FuseMount}, what is mounted where.
 */
package io.sluice.linux.fuse;
