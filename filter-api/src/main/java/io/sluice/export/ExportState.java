package io.sluice.export;

/** Whether clients can have an export. */
public enum ExportState {
  /** They can. */
  SERVED,
  /** Those that are connected may stay, new ones are refused; it goes with the last of them. */
  HIDDEN,
  /** Its device is not there yet, or not any more. */
  WAITING
}
