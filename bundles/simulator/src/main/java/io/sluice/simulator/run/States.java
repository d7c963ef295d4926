package io.sluice.simulator.run;

import io.sluice.simulator.device.FaultSite;
import io.sluice.simulator.device.Faults;
import io.sluice.simulator.oracle.TrackingOracle;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What is kept of trackers over a filter's coming and going, and what the oracle knows of that. */
final class States implements Subject.States {
  private final World world;
  private final Faults faults;
  private final Map<String, Saved> saved = new HashMap<>();

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Saved(String stamp, byte[] state) {}

  States(World world, Faults faults) {
    this.world = world;
    this.faults = faults;
  }

  private World.Device device(String name) {
    return world.device(Integer.parseInt(name.substring("disk-".length())));
  }

  @Override
  public Optional<byte[]> claim(String name, String stamp) {
    World.Device device = device(name);
    Saved found = saved.remove(name);
    boolean failed = faults.strike(FaultSite.STATE_CLAIM) != null;
    expect(device, failed);
    world.scheduler().yieldPoint();
    world.trace(() -> "claim " + name + " " + stamp + (found == null ? ": none" : ""));
    return failed || found == null || !found.stamp.equals(stamp)
        ? Optional.empty()
        : Optional.of(found.state);
  }

  /** The oracle goes by the disk's own stamp, whatever the engine says that it is. */
  private void expect(World.Device device, boolean failed) {
    World.Keeping kept = device.kept;
    device.kept = null;
    if (kept == null) {
      return;
    }
    boolean untouched = kept.stamp().equals(device.disk.stamp());
    boolean fits = kept.known().fits(device.live.attachedSizeBytes());
    if (untouched && fits && !failed) {
      device.goingOn = kept.known();
      if (kept.known().hasTakes()) {
        world.reach(Reach.TRACKING_WENT_ON);
      }
    } else {
      device.tracking.voided(kept.known());
      world.reach(
          failed
              ? Reach.TRACKING_STATE_LOST
              : untouched ? Reach.GROWN_WHILE_NOT_TRACKED : Reach.TRACKING_VOIDED);
    }
  }

  @Override
  public void save(String name, String stamp, byte[] state) {
    World.Device device = device(name);
    boolean failed = faults.strike(FaultSite.STATE_SAVE) != null;
    world.scheduler().yieldPoint();
    world.trace(() -> "save  " + name + " " + stamp + (failed ? ": failed" : ""));
    if (failed) {
      world.reach(Reach.TRACKING_STATE_LOST);
      saved.remove(name);
      device.saving = World.Saving.FAILED;
    } else {
      saved.put(name, new Saved(stamp, state));
      device.saving = World.Saving.DONE;
    }
  }

  /** The filter has left. */
  void left(World.Device device) {
    device.saidToLeave = false;
    World.Saving saving = device.saving;
    device.saving = World.Saving.NONE;
    if (saving == World.Saving.DONE) {
      voidKept(device);
      device.kept = new World.Keeping(device.disk.stamp(), device.tracking.left());
      return;
    }
    if (saving == World.Saving.NONE && !device.disturbed && !device.disk.isLost()) {
      throw world.fail(
          "P5 generation: the filter left " + device.disk.name() + " in order, and kept nothing");
    }
    if (saving == World.Saving.FAILED) {
      voidKept(device);
    }
    device.tracking.filterChanged();
  }

  private static void voidKept(World.Device device) {
    if (device.kept != null) {
      device.tracking.voided(device.kept.known());
      device.kept = null;
    }
  }

  /** The filter has come. */
  void came(World.Device device) {
    device.disturbed = false;
    goOn(device);
    device.tracking.tracks(device.live.attachedSizeBytes());
  }

  private void goOn(World.Device device) {
    TrackingOracle.Kept known = device.goingOn;
    device.goingOn = null;
    if (known != null) {
      device.tracking.wentOn(known);
      return;
    }
    if (device.kept != null && !device.disk.isLost()) {
      throw world.fail(
          "P5 generation: what was kept of " + device.disk.name() + " was not claimed");
    }
    device.tracking.filterChanged();
  }
}
