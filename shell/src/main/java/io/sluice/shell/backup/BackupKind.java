package io.sluice.shell.backup;

/** What a backup of a device holds. */
public enum BackupKind {
  /** The whole device. */
  FULL,

  /** What has changed since the point it is based on. */
  INCREMENTAL
}
