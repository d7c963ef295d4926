package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The half-full rule and its cases 58, 59, 64 and 65, in kilobytes where those have megabytes. */
class DiffSpaceTest extends SpaceFixture {
  @Test
  void case58_growsByPortionsWhenHalfAPortionIsLeft_untilTheLimit() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, 512 * KIB);
    int allocated = 0;
    while (space.allocate(KIB) == allocated * (long) KIB) {
      allocated++;
      runBackground();
      if (allocated == 63) {
        assertEquals(List.of(), store.growths, "65 KiB are left: more than half a portion");
      }
      if (allocated == 64) {
        assertEquals(List.of(256L * KIB), store.growths);
      }
    }
    assertEquals(512, allocated);
    assertEquals(List.of(256L * KIB, 384L * KIB, 512L * KIB), store.growths);
    assertEquals(-1, space.allocate(KIB));
    assertEquals(List.of(512L * KIB), noSpace, "once, and only when the limit forbids growth");
  }

  @Test
  void aWriterThatOutrunsTheGrowthWaitsForIt() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, 512 * KIB);
    for (int i = 0; i < 512; i++) {
      assertEquals(i * (long) KIB, space.allocate(KIB));
    }
    assertEquals(512 * KIB, store.capacityBytes());
    runBackground();
    assertEquals(512 * KIB, store.capacityBytes(), "the late background growth finds it done");
  }

  @Test
  void case59_aSmallStoreGrowsAtOnce_andOneAboveItsLimitIsRefused() throws Exception {
    MemoryStore small = new MemoryStore(4 * KIB, Long.MAX_VALUE);
    space(small, 2048 * KIB);
    assertEquals(List.of(4L * KIB + PORTION), small.growths);
    MemoryStore above = new MemoryStore(4 * KIB, Long.MAX_VALUE);
    assertEquals(
        Errno.ENOSPC, assertThrows(ErrnoException.class, () -> space(above, 2 * KIB)).errno());
    MemoryStore large = new MemoryStore(200 * KIB, Long.MAX_VALUE);
    space(large, 100 * KIB);
    assertEquals(List.of(), large.growths, "a large store is taken as it is");
  }

  @Test
  void aDeviceEndsWhereItEnds() throws Exception {
    MemoryStore device = new MemoryStore(200 * KIB, 200 * KIB);
    DiffSpace space = space(device, Long.MAX_VALUE);
    assertEquals(0, space.allocate(200 * KIB));
    assertEquals(-1, space.allocate(1));
    assertEquals(List.of(), device.growths);
    assertEquals(List.of(200L * KIB), noSpace);
  }

  @Test
  void case64_aGrowthThatFailsIsTriedAgain() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, 512 * KIB);
    store.failGrow = Errno.ENOSPC;
    for (int i = 0; i < 127; i++) {
      space.allocate(KIB);
      runBackground();
    }
    assertTrue(failures.size() >= 3, "tried again as space runs out: " + failures);
    space.allocate(KIB);
    runBackground();
    assertEquals(
        Errno.ENOSPC, assertThrows(ErrnoException.class, () -> space.allocate(KIB)).errno());
    store.failGrow = null;
    assertEquals(128L * KIB, space.allocate(KIB), "and works once there is space again");
  }

  @Test
  void theLastUserClosesTheStore() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, PORTION);
    assertTrue(space.enter());
    space.leave(); // the snapshot's own
    assertFalse(store.closed);
    assertTrue(space.enter(), "somebody is still in");
    space.leave();
    space.leave();
    assertTrue(store.closed);
    assertFalse(space.enter());
  }
}
