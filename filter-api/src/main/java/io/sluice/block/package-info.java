/**
 * Block devices and the I/O units sent to them.
 *
 * <p>A {@link io.sluice.block.BlockDevice} is anything that can be read: an origin, a live device
 * (the origin seen through its filters) or the image of a snapshot. One {@link io.sluice.block.Bio}
 * is one unit of I/O; {@link io.sluice.block.BlockDevice#submit} serves it in the caller's thread.
 * A {@link io.sluice.block.DeviceView} adds maps: what has changed, how deep bytes lie. Failures
 * are {@link io.sluice.block.ErrnoException}s: an errno, and a sentence that names the operation,
 * the device, the actual value, the limit and the way out.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.block;
