package io.sluice.simulator.device;

/** Told of the faults that may cost an image. */
public interface FaultListener {
  /** A read of the engine's own failed on a disk. */
  void copyReadFailed(SimDisk disk);

  /** A store is asked to read, write or grow; returns when it answers. */
  void storeCalled();

  /**
   * A store failed.
   *
   * @param record the operation it failed in, or null for growth in the background
   */
  void storeFailed(SimDiffStore store, FaultSite site, IoRecord record);
}
