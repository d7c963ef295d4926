package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a set of single bytes. */
class RangesTest {
  private static final int SIZE = 200;

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void isTheSetOfItsBytes(long seed) {
    Random random = new Random(seed);
    Ranges ranges = new Ranges();
    BitSet bytes = new BitSet();
    for (int i = 0; i < 400; i++) {
      int start = random.nextInt(SIZE);
      int end = start + random.nextInt(12);
      if (random.nextInt(3) > 0) {
        ranges.add(start, end);
        bytes.set(start, end);
      } else {
        int length = 1 + random.nextInt(8);
        long taken = ranges.take(length);
        int expected = firstFit(bytes, length);
        assertEquals(expected, taken, "step " + i);
        if (taken >= 0) {
          bytes.clear((int) taken, (int) taken + length);
        }
      }
      check(ranges, bytes, random, "step " + i);
    }
    Ranges all = ranges.takeAll();
    check(all, bytes, random, "taken out");
    check(ranges, new BitSet(), random, "left");
  }

  private static int firstFit(BitSet bytes, int length) {
    int start = bytes.nextSetBit(0);
    while (start >= 0) {
      int end = bytes.nextClearBit(start);
      if (end - start >= length) {
        return start;
      }
      start = bytes.nextSetBit(end);
    }
    return -1;
  }

  private static void check(Ranges ranges, BitSet bytes, Random random, String when) {
    BitSet told = new BitSet();
    int[] count = {0};
    ranges.<RuntimeException>forEach(
        (start, end) -> {
          told.set((int) start, (int) end);
          count[0]++;
        });
    assertEquals(bytes, told, when);
    assertEquals(runCount(bytes), count[0], when + ": those that touch are one");
    assertEquals(bytes.cardinality(), ranges.totalBytes(), when);
    int from = random.nextInt(SIZE);
    int to = from + 1 + random.nextInt(30);
    assertEquals(bytes.get(from, to).cardinality(), ranges.totalBytes(from, to), when);
    assertEquals(!bytes.get(from, to).isEmpty(), ranges.overlaps(from, to), when);
  }

  private static int runCount(BitSet bytes) {
    int count = 0;
    for (int at = bytes.nextSetBit(0); at >= 0; at = bytes.nextSetBit(bytes.nextClearBit(at))) {
      count++;
    }
    return count;
  }
}
