package io.sluice.blksnap.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangedRegion;
import io.sluice.snapshot.SectorRange;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a bit for each byte of a small device. */
class ChangeShapeTest {
  private static final int BLOCK_SHIFT = 10;

  /** A device, its changed bytes, and the ranges that say so. */
  private static final class Device {
    final int capacityBytes;
    final BitSet changed = new BitSet();
    final List<SectorRange> ranges = new ArrayList<>();

    /** Changes in blocks, as a map has them. */
    Device(Random random) {
      capacityBytes = 1 + random.nextInt(150_000);
      int blockCount = (capacityBytes + (1 << BLOCK_SHIFT) - 1) >> BLOCK_SHIFT;
      int density = 1 + random.nextInt(10);
      for (int block = 0; block < blockCount; block++) {
        if (random.nextInt(10) < density) {
          changed.set(block << BLOCK_SHIFT, Math.min((block + 1) << BLOCK_SHIFT, capacityBytes));
        }
      }
      int sectorCount = (capacityBytes + 511) / 512;
      for (int at = changed.nextSetBit(0); at >= 0; ) {
        int end = changed.nextClearBit(at);
        ranges.add(new SectorRange(at / 512, Math.min((end + 511) / 512, sectorCount) - at / 512));
        at = changed.nextSetBit(end);
      }
    }

    BlockSizeEffect effect(int shift) {
      long count = 0;
      long bytes = 0;
      for (int at = 0; at < capacityBytes; at += 1 << shift) {
        int end = Math.min(at + (1 << shift), capacityBytes);
        if (!changed.get(at, end).isEmpty()) {
          count++;
          bytes += end - at;
        }
      }
      return new BlockSizeEffect(1 << shift, count, bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void allAnswersAreThoseOfTheBytes(long seed) {
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      Device device = new Device(random);
      ChangeShape shape = new ChangeShape(device.ranges, device.capacityBytes);
      String replay = "seed " + seed + ", round " + round;
      assertEquals(device.changed.cardinality(), shape.changedBytes(), replay);
      for (BlockSizeEffect effect : shape.coarser(BLOCK_SHIFT)) {
        int shift = Integer.numberOfTrailingZeros(effect.blockSizeBytes());
        assertEquals(device.effect(shift), effect, replay);
      }
      for (BlockSizeEffect effect : shape.sizes(9, BLOCK_SHIFT + 2)) {
        int shift = Integer.numberOfTrailingZeros(effect.blockSizeBytes());
        assertEquals(device.effect(shift), effect, replay);
      }
      checkRegions(device, shape, replay);
      checkLongest(device, shape, random.nextInt(8) + 1, replay);
    }
  }

  private static void checkRegions(Device device, ChangeShape shape, String replay) {
    List<ChangedRegion> regions = shape.regions(BLOCK_SHIFT, ChangeReport.TOP_COUNT_MAX);
    assertTrue(regions.size() <= ChangeReport.REGION_COUNT_MAX, replay);
    long total = 0;
    for (int i = 0; i < regions.size(); i++) {
      ChangedRegion region = regions.get(i);
      int start = (int) region.firstSector() * 512;
      int end = (int) Math.min(start + region.sectorCount() * 512, device.capacityBytes);
      assertEquals(device.changed.get(start, end).cardinality(), region.changedBytes(), replay);
      assertTrue(
          i == 0 || regions.get(i - 1).changedBytes() >= region.changedBytes(),
          () -> replay + ": " + regions);
      total += region.changedBytes();
    }
    assertEquals(shape.changedBytes(), total, replay + ": the regions are apart and miss nothing");
    assertEquals(
        regions.subList(0, Math.min(3, regions.size())), shape.regions(BLOCK_SHIFT, 3), replay);
  }

  private static void checkLongest(Device device, ChangeShape shape, int topCount, String replay) {
    List<SectorRange> all = new ArrayList<>(device.ranges);
    // The sort is stable, so of equal ranges the first stays first.
    all.sort((a, b) -> Long.compare(b.sectorCount(), a.sectorCount()));
    assertEquals(all.subList(0, Math.min(topCount, all.size())), shape.longest(topCount), replay);
  }

  @Test
  void oneBlockMoreIsSeenEverywhere() {
    long capacityBytes = 1 << 20;
    ChangeShape few = new ChangeShape(List.of(new SectorRange(0, 2)), capacityBytes);
    ChangeShape more =
        new ChangeShape(List.of(new SectorRange(0, 2), new SectorRange(1024, 2)), capacityBytes);
    assertNotEquals(few.changedBytes(), more.changedBytes());
    assertNotEquals(few.regions(BLOCK_SHIFT, 9), more.regions(BLOCK_SHIFT, 9));
    assertNotEquals(few.longest(9), more.longest(9));
    List<BlockSizeEffect> fewSizes = few.coarser(BLOCK_SHIFT);
    List<BlockSizeEffect> moreSizes = more.coarser(BLOCK_SHIFT);
    // Only a block that covers the whole device makes the same of both.
    assertNotEquals(fewSizes.get(fewSizes.size() - 2), moreSizes.get(moreSizes.size() - 2));
    assertEquals(new BlockSizeEffect(1 << 20, 1, 1 << 20), moreSizes.get(moreSizes.size() - 1));
  }

  @Test
  void nothingChangedIsNothing() {
    ChangeShape shape = new ChangeShape(List.of(), 5000);
    assertEquals(0, shape.changedBytes());
    assertEquals(List.of(), shape.regions(BLOCK_SHIFT, 5));
    assertEquals(List.of(), shape.longest(5));
    assertEquals(new BlockSizeEffect(1024, 0, 0), shape.coarser(BLOCK_SHIFT).get(0));
  }

  @Test
  void coarsestBlockIs64MiB() {
    long capacityBytes = 1L << 40;
    ChangeShape shape =
        new ChangeShape(List.of(new SectorRange(0, capacityBytes >> 9)), capacityBytes);
    List<BlockSizeEffect> sizes = shape.coarser(16);
    assertEquals(11, sizes.size());
    assertEquals(new BlockSizeEffect(64 << 20, 1 << 14, capacityBytes), sizes.get(10));
    assertEquals(1, shape.coarser(28).size(), "a coarser one that is in use is told as it is");
  }
}
