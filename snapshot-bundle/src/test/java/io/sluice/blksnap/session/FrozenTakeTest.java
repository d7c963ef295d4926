package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.FreezeInfo;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotState;
import io.sluice.snapshot.TakeRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** File systems that a take freezes. */
class FrozenTakeTest extends EngineFixture {
  private static final FreezeInfo FROZEN = new FreezeInfo("/mnt", 5, "");

  private final List<String> calls = new ArrayList<>();

  /** The file system has something to write out when it is frozen. */
  private FileSystems.Freeze freeze(List<String> mountPoints, List<String> devices)
      throws ErrnoException {
    calls.add("freeze " + mountPoints + devices + " after " + registry.freezeCount + " cuts");
    disk.write(CHUNK, filled(CHUNK, 0x55));
    return () -> {
      calls.add("thaw after " + registry.freezeCount + " cuts");
      return List.of(FROZEN);
    };
  }

  @Test
  void frozenBeforeTheDevicesAreHeld_thawedAfter() throws Exception {
    fileSystems = this::freeze;
    SnapshotInfo info = engine.take(new TakeRequest(create(0, "disk"), List.of("/mnt"), false));
    assertEquals(List.of("freeze [/mnt][] after 0 cuts", "thaw after 1 cuts"), calls);
    assertEquals(List.of(FROZEN), info.freezes());
    disk.write(CHUNK, filled(CHUNK, 0x66));
    assertArrayEquals(filled(CHUNK, 0x55), read(published.get("disk@snap"), CHUNK, CHUNK));
  }

  @Test
  void whatIsMountedOnTheDevicesIsFrozenOnRequest() throws Exception {
    fileSystems = this::freeze;
    SnapshotInfo unused = engine.take(new TakeRequest(create(0, "disk"), List.of("/mnt"), true));
    assertEquals("freeze [/mnt][disk] after 0 cuts", calls.get(0));
  }

  @Test
  void thawedWhenTheTakeFails() throws Exception {
    fileSystems = this::freeze;
    UUID id = create(0, "disk");
    disk.filter.deviceLost("its file was deleted");
    TakeRequest request = new TakeRequest(id, List.of("/mnt"), false);
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.take(request)));
    assertEquals(List.of("freeze [/mnt][] after 0 cuts", "thaw after 0 cuts"), calls);
    assertEquals(SnapshotState.CREATED, engine.info(id).state());
  }

  @Test
  void nothingIsFrozenForATakeThatCannotBe() throws Exception {
    fileSystems = this::freeze;
    TakeRequest request = new TakeRequest(create(0, "disk"), List.of("/mnt"), false);
    engine.take(request);
    calls.clear();
    assertEquals(Errno.EALREADY, errnoOf(() -> engine.take(request)));
    assertEquals(List.of(), calls);
  }

  @Test
  void aRefusedPathFailsTheTake_beforeItHoldsAnything() throws Exception {
    fileSystems =
        (mountPoints, devices) -> {
          throw new ErrnoException(Errno.EINVAL, "freeze of " + mountPoints + ": not mounted");
        };
    UUID id = create(0, "disk");
    assertEquals(
        Errno.EINVAL, errnoOf(() -> engine.take(new TakeRequest(id, List.of("/mnt"), false))));
    assertEquals(0, registry.freezeCount);
    assertEquals(SnapshotState.CREATED, engine.info(id).state());
  }

  @Test
  void whatWasNotFrozenIsLoggedAndToldAndTakenAsItIs() throws Exception {
    FreezeInfo warned = new FreezeInfo("/mnt", 0, "file system at /mnt: not frozen in time");
    fileSystems = (mountPoints, devices) -> () -> List.of(warned);
    SnapshotInfo info = engine.take(new TakeRequest(create(0, "disk"), List.of("/mnt"), false));
    assertEquals(SnapshotState.TAKEN, info.state());
    assertEquals(List.of(warned), info.freezes());
    assertTrue(log.contains("take of snapshot snap: " + warned.warning()), log::toString);
  }
}
