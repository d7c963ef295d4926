package io.sluice.shell.backup;

import java.util.Locale;

/** The format of a file. An increment is always qcow2, which can lie on a base of either format. */
public enum BackupFormat {
  /** Holes take no space, and the file can be an increment's base and an increment. */
  QCOW2,

  /** The device's bytes, in a sparse file. */
  RAW;

  /** What qemu calls it; the ending of the files too. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
