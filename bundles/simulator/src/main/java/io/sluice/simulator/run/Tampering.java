package io.sluice.simulator.run;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceViews;
import io.sluice.diffstore.DiffStore;
import io.sluice.filter.Filter;
import io.sluice.simulator.device.SimRegistry.FreezeStyle;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotControl;
import java.util.concurrent.locks.Lock;

/**
 * What a mutant changes, at the seams between the engine and its world. Each method is the identity
 * here; a mutant overrides one, and the oracle must find out.
 */
public interface Tampering {
  /** No mutant. */
  Tampering NONE = new Tampering() {};

  /** Around the filter of a device. */
  default Filter filter(World world, Filter filter) {
    return filter;
  }

  /** Around what the engine reads below its filter. */
  default BlockDevice lower(World world, BlockDevice lower) {
    return lower;
  }

  /** Around a store. */
  default DiffStore store(World world, DiffStore store) {
    return store;
  }

  /** Around an image of a device. */
  default BlockDevice image(World world, int device, BlockDevice image) {
    return image;
  }

  /** Around change tracking. */
  default ChangeTracking tracking(World world, ChangeTracking tracking) {
    return tracking;
  }

  /** Around images with maps. */
  default DeviceViews views(World world, DeviceViews views) {
    return views;
  }

  /** Around the verbs. */
  default SnapshotControl control(World world, SnapshotControl control) {
    return control;
  }

  /** Around a lock. */
  default Lock lock(World world, Lock lock) {
    return lock;
  }

  /** Around what store I/O waits at while a provider is replaced. */
  default Subject.Waits waits(World world, Subject.Waits waits) {
    return waits;
  }

  /** Around what is kept of changes while no filter is there. */
  default Subject.States states(World world, Subject.States states) {
    return states;
  }

  /** Whether the bytes of images are judged; not, to see what the check of pairs finds alone. */
  default boolean judgesImageBytes() {
    return true;
  }

  /** How devices are held for a cut. */
  default FreezeStyle freezeStyle() {
    return FreezeStyle.RIGHT;
  }
}
