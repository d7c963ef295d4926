package io.sluice.fuse.tree;

import java.io.Closeable;

/**
 * A file that a client has open.
 *
 * @param file which
 * @param writable whether it was opened for writing
 * @param hold keeps the device from being removed
 */
public record OpenFile(ExportedFile file, boolean writable, Closeable hold) {}
