package io.sluice.simulator.run;

import io.sluice.simulator.device.IoRecord;
import io.sluice.simulator.oracle.SnapshotOracle;

/** The record of a verb of control. */
final class ControlRecord extends IoRecord {
  /** The snapshot that is being taken, if this is a take. */
  final SnapshotOracle taking;

  ControlRecord(SnapshotOracle taking) {
    super(-1, null, 0);
    this.taking = taking;
  }
}
