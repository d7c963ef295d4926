package io.sluice.shell.backup;

import java.util.UUID;

/**
 * One device in a backup point.
 *
 * @param device its name when it was backed up
 * @param kind whole or increment
 * @param reason why it is a full one although an increment was asked for, or empty
 * @param format the file's format
 * @param file the file's name in the backup directory
 * @param sizeBytes the device's size
 * @param basePoint the number of the point that an increment lies on; 0 for a full one
 * @param generationId the tracking generation at the take
 * @param changesNumber the tracking number at the take, 1 to 255
 * @param copiedBytes how much was read from the image
 * @param retryCount how often the copying had to begin again where it was
 * @param compared whether it was compared with the image when it was made
 * @param fileBytes the file's length
 * @param sha256 of the file, in hexadecimal
 */
public record BackupFile(
    String device,
    BackupKind kind,
    String reason,
    BackupFormat format,
    String file,
    long sizeBytes,
    int basePoint,
    UUID generationId,
    int changesNumber,
    long copiedBytes,
    int retryCount,
    boolean compared,
    long fileBytes,
    String sha256) {}
