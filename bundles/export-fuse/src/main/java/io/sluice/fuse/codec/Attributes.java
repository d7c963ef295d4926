package io.sluice.fuse.codec;

/**
 * What stat(2) shows.
 *
 * @param inode its number
 * @param sizeBytes st_size
 * @param sectorCount st_blocks, in units of 512 bytes
 * @param changedNanos st_mtime and the like, since 1970
 * @param mode type and permissions
 * @param linkCount st_nlink
 * @param uid the owner
 * @param gid the group
 * @param preferredSizeBytes st_blksize
 */
public record Attributes(
    long inode,
    long sizeBytes,
    long sectorCount,
    long changedNanos,
    int mode,
    int linkCount,
    int uid,
    int gid,
    int preferredSizeBytes) {}
