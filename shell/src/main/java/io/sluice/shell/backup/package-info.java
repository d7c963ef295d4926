/**
 * Backups of devices into a directory: chains of a full backup and the increments on it, made of an
 * image over NBD by qemu's own tools. Knows services and files, no command.
 */
package io.sluice.shell.backup;
