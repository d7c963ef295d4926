/**
 * Origins that are regular files or block special files. {@link
 * io.sluice.origin.file.FileOriginProvider} checks, locks and opens; {@link
 * io.sluice.origin.file.FileOrigin} serves bios by positional I/O in the caller's thread.
 */
package io.sluice.origin.file;
