package io.sluice.blksnap.cow;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The two maps of chunks against the JDK's own. */
class ChunkMapsTest {
  private static final long SEED = 20261120;

  @Test
  void slotTable_agreesWithAHashMap() {
    Random random = new Random(SEED);
    SlotTable table = new SlotTable();
    Map<Long, Long> expected = new HashMap<>();
    for (int i = 0; i < 20_000; i++) {
      long chunk = random.nextInt(1 << 28) & ~63L;
      int count = 1 + random.nextInt(64);
      boolean zero = random.nextInt(4) == 0;
      long slot = zero ? SlotTable.ZERO_SLOT : random.nextLong(1L << 34);
      long step = zero ? 0 : 8;
      table.putRun(chunk, count, slot, step);
      for (int k = 0; k < count; k++) {
        expected.put(chunk + k, slot + k * step);
      }
    }
    expected.forEach(
        (chunk, slot) -> assertEquals(slot, table.get(chunk), () -> "seed " + SEED + ", " + chunk));
    for (int i = 0; i < 10_000; i++) {
      long chunk = random.nextInt(1 << 28);
      assertEquals(
          expected.getOrDefault(chunk, SlotTable.NO_SLOT), table.get(chunk), "seed " + SEED);
    }
  }

  @Test
  void slotTable_holdsTheLargestChunkAndSlot() {
    SlotTable table = new SlotTable();
    table.putRun((1 << 28) - 1, 1, SlotTable.ZERO_SLOT - 1, 0);
    table.putRun(0, 1, 0, 0);
    assertEquals(SlotTable.ZERO_SLOT - 1, table.get((1 << 28) - 1));
    assertEquals(0, table.get(0));
    assertEquals(SlotTable.NO_SLOT, table.get(1));
  }

  @Test
  void savedBits_agreeWithABitSet() {
    Random random = new Random(SEED);
    int chunkCount = 200_003;
    SavedBits bits = new SavedBits(chunkCount);
    BitSet expected = new BitSet();
    for (int i = 0; i < 5_000; i++) {
      int word = random.nextInt((chunkCount + 63) / 64);
      long set = random.nextLong();
      bits.set(word, set);
      for (int k = 0; k < 64; k++) {
        if ((set >>> k & 1) != 0) {
          expected.set(word * 64 + k);
        }
      }
    }
    for (int chunk = 0; chunk < chunkCount; chunk++) {
      assertEquals(expected.get(chunk), bits.isSaved(chunk), "seed " + SEED + ", chunk " + chunk);
    }
  }

  @Test
  void savedBits_ofTheLargestDeviceAreThere() {
    SavedBits bits = new SavedBits(1L << 28);
    assertFalse(bits.isSaved((1L << 28) - 1));
    bits.set((1 << 22) - 1, 1L << 63);
    assertTrue(bits.isSaved((1L << 28) - 1));
  }

  @Test
  void mask_coversBothEnds() {
    assertEquals(-1L, SavedBits.mask(0, 63));
    assertEquals(1L, SavedBits.mask(0, 0));
    assertEquals(1L << 63, SavedBits.mask(63, 63));
    assertEquals(0b1100L, SavedBits.mask(2, 3));
  }
}
