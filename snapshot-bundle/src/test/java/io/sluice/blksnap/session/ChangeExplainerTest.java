package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.snapshot.BlockSizeEffect;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeReport;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine's explanation against what the test itself wrote. */
class ChangeExplainerTest extends EngineFixture {
  private static final int BLOCK = 65536;
  private static final int LARGE = 12 * BLOCK + 7 * CHUNK + 1000;

  private MemoryRegistry.Disk large;

  /** The chunks written since the last take. */
  private BitSet written = new BitSet();

  @BeforeEach
  void trackALargerDisk() throws ErrnoException {
    large = registry.new Disk("large", LARGE);
    registry.attach(AttachRequest.of("large", ChangeTracking.FILTER_NAME));
  }

  private BlockDevice take(String name, int chunkSizeBytes) throws ErrnoException {
    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    UUID id =
        engine.create(
            new SnapshotRequest(List.of("large"), "memory", "", 1 << 30, chunkSizeBytes, name));
    engine.take(id);
    written = new BitSet();
    return published.get("large@" + name);
  }

  private void write(int offset, int length, int value) throws ErrnoException {
    large.write(offset, filled(length, value));
    written.set(offset / CHUNK, (offset + length - 1) / CHUNK + 1);
  }

  private ChangeReport explain(int since) throws ErrnoException {
    CbtInfo info = engine.info("large");
    return engine.explain("large", info.generationId(), since, 1000);
  }

  /** What blocks of a size, which is a multiple of the chunk, make of written chunks. */
  private static BlockSizeEffect effect(BitSet chunks, int blockSizeBytes) {
    long count = 0;
    long bytes = 0;
    for (int at = 0; at < LARGE; at += blockSizeBytes) {
      int end = Math.min(at + blockSizeBytes, LARGE);
      if (!chunks.get(at / CHUNK, (end + CHUNK - 1) / CHUNK).isEmpty()) {
        count++;
        bytes += end - at;
      }
    }
    return new BlockSizeEffect(blockSizeBytes, count, bytes);
  }

  private static List<BlockSizeEffect> effects(BitSet chunks, int from, int to) {
    List<BlockSizeEffect> effects = new ArrayList<>();
    for (int size = from; size <= to; size *= 2) {
      effects.add(effect(chunks, size));
    }
    return effects;
  }

  private long zeroBytes(byte[] bytes, BitSet chunks) {
    long zeroBytes = 0;
    for (int block = 0; block < LARGE; block += BLOCK) {
      if (!chunks.get(block / CHUNK, (block + BLOCK) / CHUNK).isEmpty()) {
        for (int at = block; at < Math.min(block + BLOCK, LARGE); at++) {
          zeroBytes += bytes[at] == 0 ? 1 : 0;
        }
      }
    }
    return zeroBytes;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void reportIsWhatWasWritten(long seed) throws ErrnoException {
    Random random = new Random(seed);
    take("first", CHUNK);
    BitSet since = new BitSet();
    for (int i = 0; i < 12; i++) {
      int offset = random.nextInt(LARGE - 1);
      int length = 1 + random.nextInt(Math.min(LARGE - offset, 3 * CHUNK));
      write(offset, length, random.nextInt(2) * 7);
    }
    since.or(written);
    take("second", CHUNK);
    final byte[] taken = large.bytes.clone();
    for (int i = 0; i < 12; i++) {
      int offset = random.nextInt(LARGE - 1);
      int length = 1 + random.nextInt(Math.min(LARGE - offset, 3 * CHUNK));
      write(offset, length, 1 + random.nextInt(9));
    }
    ChangeReport report = explain(1);
    String replay = "seed " + seed;
    assertEquals(engine.info("large"), report.tracking(), replay);
    assertEquals(effect(since, BLOCK).changedBytes(), report.changedBytes(), replay);
    assertEquals(effects(since, BLOCK, 16 * BLOCK), report.sizes(), replay);
    assertEquals("large@second", report.recentImage(), replay);
    assertEquals("", report.recentUnknown(), replay);
    assertEquals(effects(written, CHUNK, BLOCK), report.recentSizes(), replay);
    assertEquals("image large@second", report.zeroSource(), replay);
    assertImageZeroes(report, taken, since, replay);
  }

  /**
   * The image tells of zeroes where it kept whole chunks of them, and where the origin under it
   * does; so it says no more than there are, and, but for chunks with both, no less.
   */
  private void assertImageZeroes(ChangeReport report, byte[] taken, BitSet since, String replay) {
    long most = zeroBytes(taken, since);
    byte[] least = taken.clone();
    for (int chunk = 0; chunk * CHUNK < LARGE; chunk++) {
      int end = Math.min((chunk + 1) * CHUNK, LARGE);
      boolean data = false;
      for (int at = chunk * CHUNK; at < end; at++) {
        data |= taken[at] != 0;
      }
      if (data && written.get(chunk)) {
        Arrays.fill(least, chunk * CHUNK, end, (byte) 1);
      }
    }
    long atLeast = zeroBytes(least, since);
    assertTrue(
        report.zeroBytes() >= atLeast && report.zeroBytes() <= most,
        () -> replay + ": " + atLeast + " <= " + report.zeroBytes() + " <= " + most);
  }

  @Test
  void withoutTheImageTheLiveDeviceIsAsked() throws ErrnoException {
    take("only", CHUNK);
    engine.destroy(engine.resolve("only"));
    Arrays.fill(large.bytes, (byte) 1);
    write(0, 10, 3);
    BlockDevice second = take("second", CHUNK);
    write(0, CHUNK, 0);
    assertEquals(0, explain(1).zeroBytes(), "the image has what was there");
    engine.destroy(engine.resolve("second"));
    assertEquals(Errno.EIO, errnoOf(() -> second.submit(new Bio().flush())));
    ChangeReport report = explain(1);
    assertEquals("live device large", report.zeroSource());
    assertEquals(CHUNK, report.zeroBytes());
    assertEquals("", report.recentImage());
    assertEquals(List.of(), report.recentSizes());
    assertEquals("no snapshot is held that was taken last", report.recentUnknown());
  }

  @Test
  void chunkThatIsNoFinerTellsNothing() throws ErrnoException {
    take("coarse", BLOCK);
    write(0, 10, 3);
    ChangeReport report = explain(0);
    assertEquals(List.of(), report.recentSizes());
    assertTrue(report.recentUnknown().contains("65536 bytes, no finer"), report.recentUnknown());
  }

  @Test
  void lostImageTellsNothing() throws ErrnoException {
    take("lost", CHUNK);
    large.failReads = Errno.EIO;
    write(0, 10, 3);
    ChangeReport report = explain(0);
    assertEquals("large@lost", report.recentImage());
    assertEquals(List.of(), report.recentSizes());
    assertTrue(report.recentUnknown().contains("large@lost is lost"), report.recentUnknown());
    assertEquals("live device large", report.zeroSource());
  }

  @Test
  void olderImageIsNotTheNewest() throws ErrnoException {
    take("older", CHUNK);
    take("newer", CHUNK);
    write(0, 10, 3);
    assertEquals("large@newer", explain(0).recentImage());
    engine.destroy(engine.resolve("newer"));
    ChangeReport report = explain(0);
    assertEquals("", report.recentImage(), "the older one has not all that was written since");
    assertTrue(report.recentSizes().isEmpty());
  }

  @Test
  void badQuestionsAreRefused() throws ErrnoException {
    take("one", CHUNK);
    UUID generation = engine.info("large").generationId();
    for (int topCount : new int[] {-1, 0, ChangeReport.TOP_COUNT_MAX + 1}) {
      assertEquals(Errno.EINVAL, errnoOf(() -> engine.explain("large", generation, 0, topCount)));
    }
    assertEquals(Errno.ENODATA, errnoOf(() -> engine.explain("large", new UUID(9, 9), 0, 1)));
    assertEquals(Errno.ENODATA, errnoOf(() -> engine.explain("large", generation, 2, 1)));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.explain("disk", generation, 0, 1)));
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.explain("none", generation, 0, 1)));
  }
}
