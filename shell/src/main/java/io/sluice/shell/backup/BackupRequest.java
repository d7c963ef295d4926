package io.sluice.shell.backup;

import java.nio.file.Path;
import java.util.List;

/**
 * What to back up.
 *
 * @param devices names of live devices
 * @param directory where the backups lie
 * @param kind INCREMENTAL for increments where there is a base, else whole devices
 * @param format of whole devices
 * @param storeKind the difference storage's kind
 * @param storeArgument and its argument
 * @param limitBytes how far the difference storage may grow; 0 for all that can be needed
 * @param freeze where file systems on the devices are mounted
 * @param compare whether to compare what was made with the image
 */
public record BackupRequest(
    List<String> devices,
    Path directory,
    BackupKind kind,
    BackupFormat format,
    String storeKind,
    String storeArgument,
    long limitBytes,
    List<String> freeze,
    boolean compare) {}
