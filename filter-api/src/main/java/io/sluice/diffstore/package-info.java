/**
 * Difference storage: where the old data of a snapshot go. A provider opens stores; a store is a
 * flat space of bytes that can be read, written, grown and released. Which bytes mean what is known
 * to the snapshot alone: it allocates regions, so that a store of any kind stays simple and a
 * snapshot can move from one to another.
 */
@org.osgi.annotation.bundle.Export
@org.osgi.annotation.versioning.Version("1.0.0")
package io.sluice.diffstore;
