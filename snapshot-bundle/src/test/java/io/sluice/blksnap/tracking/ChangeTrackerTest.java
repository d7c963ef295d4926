package io.sluice.blksnap.tracking;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Acceptance cases 10 to 20 of the reference. */
class ChangeTrackerTest {
  private static final int BLOCK = 65536;
  private static final long CAPACITY = 10 * BLOCK + 512;

  private final AtomicLong nextId = new AtomicLong();
  private final ChangeTracker tracker = newTracker(CAPACITY);

  private ChangeTracker newTracker(long capacityBytes) {
    try {
      return new ChangeTracker(
          "disk",
          capacityBytes,
          BlksnapParameters.DEFAULT,
          () -> new UUID(0, nextId.getAndIncrement()));
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  private void take() throws ErrnoException {
    tracker.commitTake(tracker.prepareTake(CAPACITY));
  }

  private byte[] map() throws ErrnoException {
    ByteBuffer target = ByteBuffer.allocate(tracker.info().blockCount());
    tracker.readMap(0, target);
    return target.array();
  }

  private static Errno errnoOf(org.junit.jupiter.api.function.Executable call) {
    return assertThrows(ErrnoException.class, call).errno();
  }

  @Test
  void case10_beforeTheFirstTake_theMapIsEmptyWhateverIsWritten() throws Exception {
    tracker.mark(0, CAPACITY);
    assertEquals(0, tracker.info().changesNumber());
    assertArrayEquals(new byte[11], map());
  }

  @Test
  void case11_12_theHeldMapStandsStillUntilTheNextTake() throws Exception {
    tracker.mark(5L * BLOCK, 512);
    take();
    assertEquals(1, tracker.info().changesNumber());
    assertArrayEquals(new byte[] {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}, map());
    tracker.mark(7L * BLOCK, 512);
    assertEquals(0, map()[7]);
    take();
    assertEquals(2, tracker.info().changesNumber());
    assertArrayEquals(new byte[] {0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0}, map());
  }

  @Test
  void case14_aRangeAcrossABorderMarksBoth_andTheShortLastBlockCounts() throws Exception {
    tracker.mark(2L * BLOCK - 1, 2);
    tracker.mark(CAPACITY - 1, 1);
    tracker.mark(CAPACITY, 4096); // past the end: nothing to mark, nothing breaks
    tracker.mark(4L * BLOCK, 0);
    take();
    assertArrayEquals(new byte[] {0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1}, map());
  }

  @Test
  void case15_anImageWriteIsMarkedInBothMaps() throws Exception {
    take();
    tracker.markAll(9L * BLOCK, 1);
    assertEquals(1, map()[9]);
    take();
    assertEquals(2, map()[9]);
  }

  @Test
  void case16_markDirtyIsAllOrNothing() throws Exception {
    take();
    tracker.markDirty(List.of(new SectorRange(0, 1), new SectorRange(4 * 128, 8)));
    assertArrayEquals(new byte[] {1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, map());
    List<SectorRange> oneBad =
        List.of(new SectorRange(2 * 128, 1), new SectorRange(CAPACITY / 512, 1));
    assertEquals(Errno.EINVAL, errnoOf(() -> tracker.markDirty(oneBad)));
    assertEquals(Errno.EINVAL, errnoOf(() -> tracker.markDirty(List.of(new SectorRange(0, 0)))));
    assertEquals(
        Errno.EINVAL,
        errnoOf(() -> tracker.markDirty(List.of(new SectorRange(1, Long.MAX_VALUE)))));
    assertEquals(0, map()[2], "nothing was marked");
  }

  @Test
  void case18_theMapIsNotReadBeyondItsEnd() throws Exception {
    tracker.readMap(11, ByteBuffer.allocate(0));
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.readMap(12, ByteBuffer.allocate(0))));
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.readMap(10, ByteBuffer.allocate(2))));
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.readMap(-1, ByteBuffer.allocate(1))));
    assertEquals(
        Errno.ENODATA, errnoOf(() -> tracker.readMap(Long.MAX_VALUE, ByteBuffer.allocate(1))));
  }

  @Test
  void case20_anotherSizeAtTheTakeStartsANewGeneration() throws Exception {
    take();
    UUID before = tracker.info().generationId();
    tracker.commitTake(tracker.prepareTake(CAPACITY + BLOCK));
    CbtInfo info = tracker.info();
    assertNotEquals(before, info.generationId());
    assertEquals(CAPACITY + BLOCK, info.capacityBytes());
    assertEquals(12, info.blockCount());
    assertEquals(1, info.changesNumber());
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.changedSince(before, 1)));
  }

  @Test
  void numbersRunOutIntoANewGeneration_andNothingIsLostAroundIt() throws Exception {
    for (int i = 0; i < 255; i++) {
      take();
    }
    CbtInfo last = tracker.info();
    assertEquals(255, last.changesNumber());
    tracker.mark(3L * BLOCK, 1); // in the interval after 255
    assertEquals(List.of(), tracker.changedSince(last.generationId(), 255));
    take();
    CbtInfo first = tracker.info();
    assertEquals(1, first.changesNumber());
    assertNotEquals(last.generationId(), first.generationId());
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.changedSince(last.generationId(), 255)));
    assertEquals(
        List.of(new SectorRange(3 * 128, 128)), tracker.changedSince(first.generationId(), 0));
    tracker.mark(4L * BLOCK, 1);
    take();
    assertEquals(
        List.of(new SectorRange(4 * 128, 128)), tracker.changedSince(first.generationId(), 1));
  }

  @Test
  void changedSince_mergesNeighbours_andClipsTheLastBlock() throws Exception {
    tracker.mark(0, 1);
    take();
    UUID generation = tracker.info().generationId();
    tracker.mark(2L * BLOCK, 2 * BLOCK);
    tracker.mark(CAPACITY - 1, 1);
    take();
    assertEquals(
        List.of(new SectorRange(2 * 128, 2 * 128), new SectorRange(10 * 128, 1)),
        tracker.changedSince(generation, 1));
    assertEquals(3, tracker.changedSince(generation, 0).size());
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.changedSince(generation, 3)));
    assertEquals(Errno.ENODATA, errnoOf(() -> tracker.changedSince(new UUID(1, 1), 1)));
  }
}
