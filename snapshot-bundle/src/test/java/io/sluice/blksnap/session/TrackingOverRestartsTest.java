package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.tracking.TrackerState;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotRequest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tracking goes on where it stopped, or says by a new generation that it can't. */
class TrackingOverRestartsTest extends EngineFixture {
  /** Keeps the last state of each device, once. */
  private static final class KeptStates implements TrackingStates {
    private record Kept(String stamp, TrackerState state) {}

    final Map<String, Kept> kept = new HashMap<>();

    @Override
    public Optional<TrackerState> claim(String device, String stamp, int blockCount) {
      Kept found = kept.remove(device);
      return found == null || !found.stamp.equals(stamp)
          ? Optional.empty()
          : Optional.of(found.state);
    }

    @Override
    public void save(String device, String stamp, TrackerState state) {
      kept.put(device, new Kept(stamp, state));
    }
  }

  private final KeptStates memory = new KeptStates();
  private CbtInfo atTake;

  @BeforeEach
  void tracked() throws Exception {
    states = memory;
    engineOnOneDisk();
    registry.attach(io.sluice.filter.AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    atTake = take();
  }

  private CbtInfo take() throws ErrnoException {
    UUID id = engine.create(new SnapshotRequest(List.of("disk"), "memory", "", 0, 0, ""));
    engine.take(id);
    CbtInfo info = engine.info("disk");
    engine.destroy(id);
    return info;
  }

  private void reattach() throws ErrnoException {
    registry.attach(io.sluice.filter.AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
  }

  private void detach() throws ErrnoException {
    registry.detach("disk", ChangeTracking.FILTER_NAME);
  }

  private List<SectorRange> changedSinceTake() throws ErrnoException {
    return engine.changedSince("disk", atTake.generationId(), atTake.changesNumber());
  }

  @Test
  void goesOnWhereItStopped() throws Exception {
    disk.write(0, new byte[] {1});
    detach();
    reattach();
    assertEquals(atTake, engine.info("disk"));
    take();
    assertEquals(1, changedSinceTake().size());
  }

  @Test
  void aWriteThatNobodySawVoidsTheBase() throws Exception {
    detach();
    disk.write(5000, new byte[] {1});
    reattach();
    assertNotEquals(atTake.generationId(), engine.info("disk").generationId());
    ErrnoException refusal = assertThrows(ErrnoException.class, this::changedSinceTake);
    assertEquals(Errno.ENODATA, refusal.errno());
  }

  @Test
  void anAgentThatDiesLeavesNothingBehind() throws Exception {
    detach();
    reattach();
    assertTrue(memory.kept.isEmpty());
  }

  @Test
  void anotherSizeVoidsTheBase() throws Exception {
    detach();
    TrackerState state = memory.kept.get("disk").state();
    TrackerState other =
        new TrackerState(
            state.capacityBytes() + 512,
            state.blockShift(),
            state.activeNumber(),
            state.heldNumber(),
            state.activeGeneration(),
            state.heldGeneration(),
            state.active(),
            state.held());
    memory.save("disk", disk.originStamp().orElseThrow(), other);
    reattach();
    assertNotEquals(atTake.generationId(), engine.info("disk").generationId());
  }

  @Test
  void aFilterThatWasPutAsideKeepsNothing() throws Exception {
    disk.filter.quarantined("it threw");
    detach();
    assertTrue(memory.kept.isEmpty());
    reattach();
    assertNotEquals(atTake.generationId(), engine.info("disk").generationId());
  }

  @Test
  void aLostDeviceKeepsNothing() throws Exception {
    disk.filter.deviceLost("it was pulled out");
    detach();
    assertTrue(memory.kept.isEmpty());
  }
}
