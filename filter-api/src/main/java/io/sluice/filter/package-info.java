/**
 * The filter framework: filters are registered, then attached to, detached from and controlled on a
 * live device, while it is in use. The verbs and errors are those of Linux's blkfilter; a device
 * has a chain of filters ordered by altitude where blkfilter has one slot.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.filter;
