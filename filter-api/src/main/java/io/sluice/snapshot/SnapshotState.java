package io.sluice.snapshot;

/** A snapshot's life: created, then taken, then gone. */
public enum SnapshotState {
  /** Devices can be added. */
  CREATED,
  /** The images are there. */
  TAKEN
}
