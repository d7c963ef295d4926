package io.sluice.block;

/**
 * What a path leads to in the end, whatever its name: two paths with equal identities share bytes.
 *
 * @param block true for a block special file, whose number is {@code inode} (st_rdev); false for a
 *     regular file, named by file system and inode
 * @param fileSystem st_dev of the file system the file lies on; 0 for a block special file
 * @param inode st_ino of a regular file, st_rdev of a block special file
 */
public record StorageIdentity(boolean block, long fileSystem, long inode) {}
