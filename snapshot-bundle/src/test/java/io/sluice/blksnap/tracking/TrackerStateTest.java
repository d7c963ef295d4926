package io.sluice.blksnap.tracking;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.SectorRange;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class TrackerStateTest {
  private static final long CAPACITY_BYTES = 10L << 20;
  private static final int BLOCK_COUNT = 160;

  private static ChangeTracker tracker() throws ErrnoException {
    ChangeTracker tracker =
        new ChangeTracker("disk", CAPACITY_BYTES, BlksnapParameters.DEFAULT, UUID::randomUUID);
    tracker.mark(0, 1);
    tracker.commitTake(tracker.prepareTake(CAPACITY_BYTES));
    tracker.mark(1 << 20, 70_000);
    return tracker;
  }

  private static byte[] bytes(TrackerState state) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    state.write(out);
    return out.toByteArray();
  }

  private static TrackerState read(byte[] bytes) throws IOException {
    return TrackerState.read(new ByteArrayInputStream(bytes), BLOCK_COUNT);
  }

  @Test
  void trackingGoesOnWhereItStopped() throws Exception {
    ChangeTracker before = tracker();
    UUID generation = before.info().generationId();
    TrackerState state = read(bytes(before.state().orElseThrow()));

    ChangeTracker after =
        new ChangeTracker("disk", state, BlksnapParameters.DEFAULT, UUID::randomUUID);
    assertEquals(before.info(), after.info());
    after.mark(5 << 20, 1);
    after.commitTake(after.prepareTake(CAPACITY_BYTES));

    // What was written since take 1: by the one before the restart, and by the one after it.
    assertEquals(
        List.of(new SectorRange(2048, 256), new SectorRange(10240, 128)),
        after.changedSince(generation, 1));
    assertEquals(
        List.of(new SectorRange(0, 128), new SectorRange(2048, 256), new SectorRange(10240, 128)),
        after.changedSince(generation, 0));
  }

  @Test
  void nothingIsMarkedByHandOnceTheStateIsHandedOver() throws Exception {
    ChangeTracker tracker = tracker();
    tracker.markDirty(List.of(new SectorRange(0, 1)));
    byte[] handedOver = bytes(tracker.state().orElseThrow());
    ErrnoException e =
        assertThrows(
            ErrnoException.class, () -> tracker.markDirty(List.of(new SectorRange(4096, 1))));
    assertEquals(Errno.ESRCH, e.errno());
    assertArrayEquals(handedOver, bytes(tracker.state().orElseThrow()));
  }

  @Test
  void theBytesAreTheSameAgain() throws Exception {
    byte[] once = bytes(tracker().state().orElseThrow());
    assertArrayEquals(once, bytes(read(once)));
  }

  @Test
  void eachFlippedBitIsFound() throws Exception {
    byte[] whole = bytes(tracker().state().orElseThrow());
    for (int at = 0; at < whole.length; at++) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      assertThrows(IOException.class, () -> read(damaged), "byte " + at);
    }
  }

  @Test
  void eachShorterFileIsFound() throws Exception {
    byte[] whole = bytes(tracker().state().orElseThrow());
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThrows(IOException.class, () -> read(cut), "length " + length);
    }
  }

  @Test
  void aMapOfAnotherSizeIsRefusedBeforeItIsAllocated() throws Exception {
    byte[] whole = bytes(tracker().state().orElseThrow());
    IOException refusal =
        assertThrows(
            IOException.class,
            () -> TrackerState.read(new ByteArrayInputStream(whole), BLOCK_COUNT + 1));
    assertTrue(
        refusal.getMessage().contains("160 blocks, the device has 161"), refusal::getMessage);
  }
}
