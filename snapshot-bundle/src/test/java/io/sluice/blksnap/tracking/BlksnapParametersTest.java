package io.sluice.blksnap.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sizes of the reference's table, and acceptance cases 9 and 68. */
class BlksnapParametersTest {
  private static final BlksnapParameters DEFAULT = BlksnapParameters.DEFAULT;

  @ParameterizedTest(name = "{0} bytes: tracking block {1}, {2} blocks")
  @CsvSource({
    "65536, 65536, 1",
    "65537, 65536, 2",
    "137438953472, 65536, 2097152",
    "137438953984, 131072, 1048577",
    "274877906944, 131072, 2097152",
    "549755814400, 524288, 1048577",
    "1099511627776, 524288, 2097152",
    "8796093022208, 4194304, 2097152",
    "17592186044416, 8388608, 2097152",
    "70368744177664, 33554432, 2097152",
    "140737488355328, 67108864, 2097152",
    "1125899906842624, 67108864, 16777216"
  })
  void trackingBlock_followsTheKernelsTable(long capacityBytes, int blockBytes, int blockCount) {
    int shift = DEFAULT.trackingBlockShift(capacityBytes);
    assertEquals(blockBytes, 1 << shift);
    assertEquals(blockCount, BlksnapParameters.countOf(capacityBytes, shift));
  }

  @ParameterizedTest(name = "{0} bytes with a store of {1}: chunk {2}")
  @CsvSource({
    "1073741824, 1073741824, 4096",
    "17179869184, 17179869184, 4096",
    "68719476736, 68719476736, 16384",
    "1099511627776, 1099511627776, 262144",
    "1099511627776, 1073741824, 4096",
    "17592186044416, 1073741824, 65536",
  })
  void chunk_isTheSmallestThatBoundsTheMaps(long capacityBytes, long limitBytes, int chunkBytes) {
    assertEquals(chunkBytes, 1 << DEFAULT.chunkShift(capacityBytes, limitBytes, 512));
  }

  @Test
  void chunk_withTheKernelsParameters_isTheKernels() {
    BlksnapParameters kernel =
        new BlksnapParameters(16, 26, 2097152, 18, 26, 28, Integer.MAX_VALUE, 2097152);
    long tebibyte = 1L << 40;
    assertEquals(18, kernel.chunkShift(tebibyte, tebibyte, 512));
    assertEquals(18, kernel.chunkShift(64 * tebibyte, tebibyte, 512));
  }

  @Test
  void chunk_isNeverBelowTheBlockSize() {
    assertEquals(16, DEFAULT.chunkShift(1 << 30, 1 << 30, 65536));
  }

  @Test
  void case68_parametersAreClampedAsAtLoad() {
    BlksnapParameters p = new BlksnapParameters(20, 16, 0, 5, 3, 99, 0, 1);
    assertEquals(20, p.trackingBlockMaximumShift());
    assertEquals(9, p.chunkMinimumShift());
    assertEquals(9, p.chunkMaximumShift());
    assertEquals(BlksnapParameters.CHUNK_COUNT_SHIFT_MAX, p.chunkMaximumCountShift());
    assertEquals(2, p.diffStorageMinimumSectors(), "two chunks at least");
    BlksnapParameters odd = new BlksnapParameters(16, 26, 2097152, 12, 26, 28, 1, 1003);
    assertEquals(1000, odd.diffStorageMinimumSectors(), "a multiple of the smallest chunk");
  }
}
