package io.sluice.itests.acceptance;

import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * blksnap's own test_boundary: the first and the last block of chunks, written on the original, on
 * the image, and on the image across the border of two chunks. For another seed say {@code
 * -Dsluice.test.seed=N}.
 */
@Timeout(120)
class BoundaryTest {
  private static final long SEED = Long.getLong("sluice.test.seed", 20261127);
  private static final int CHUNK = 256 << 10;
  private static final int CHUNK_COUNT = 160;
  private static final int ROUNDS_OF_A_PHASE = 128;
  private static final int BLOCK = 4096;
  private static final int BLOCKS_OF_CHUNK = CHUNK / BLOCK;
  private static final int BLOCK_COUNT = CHUNK_COUNT * BLOCKS_OF_CHUNK;

  @TempDir static Path scratch;
  private static InProcessAgent agent;
  private final Random random = new Random(SEED);

  // Of each block, the number of the pattern that it holds.
  private final long[] liveModel = new long[BLOCK_COUNT];
  private final long[] imageModel = new long[BLOCK_COUNT];
  private BlockDevice live;
  private BlockDevice image;
  private long lastPattern = SectorPattern.ofOrigin().number();

  @BeforeAll
  static void start() throws Exception {
    agent =
        InProcessAgent.start(
            scratch.resolve("run"), Map.of("sluice.blksnap.chunk_minimum_shift", "18"));
  }

  @AfterAll
  static void stop() throws Exception {
    agent.clear();
    agent.close();
  }

  @Test
  void case41_firstAndLastBlocksOfChunks() throws Exception {
    System.out.println("BoundaryTest: replay with -Dsluice.test.seed=" + SEED);
    Arrays.fill(liveModel, lastPattern);
    Arrays.fill(imageModel, lastPattern);
    live = agent.trackedDisk("disk", (long) CHUNK * CHUNK_COUNT);
    agent.take("s", "disk");
    image = agent.image("disk", "s");
    for (int i = 0; i < ROUNDS_OF_A_PHASE; i++) {
      int chunk = random.nextInt(CHUNK_COUNT);
      write(live, liveModel, chunk * BLOCKS_OF_CHUNK, 1);
      write(live, liveModel, (chunk + 1) * BLOCKS_OF_CHUNK - 1, 1);
      checkAround(chunk, "written on the original");
    }
    checkAll("after the writes on the original");
    for (int i = 0; i < ROUNDS_OF_A_PHASE; i++) {
      int chunk = random.nextInt(CHUNK_COUNT);
      write(image, imageModel, chunk * BLOCKS_OF_CHUNK, 1);
      write(image, imageModel, (chunk + 1) * BLOCKS_OF_CHUNK - 1, 1);
      checkAround(chunk, "written on the image");
    }
    checkAll("after the writes on the image");
    for (int i = 0; i < ROUNDS_OF_A_PHASE; i++) {
      int chunk = random.nextInt(CHUNK_COUNT - 1);
      write(image, imageModel, (chunk + 1) * BLOCKS_OF_CHUNK - 1, 2);
      checkAround(chunk, "written across its end on the image");
    }
    checkAll("in the end");
  }

  private void write(BlockDevice device, long[] model, int firstBlock, int blockCount)
      throws ErrnoException {
    SectorPattern pattern = new SectorPattern(++lastPattern);
    pattern.write(device, (long) firstBlock * BLOCK, blockCount * BLOCK);
    Arrays.fill(model, firstBlock, firstBlock + blockCount, pattern.number());
  }

  /** The chunk, and its neighbours' blocks next to it, on both devices. */
  private void checkAround(int chunk, String what) throws ErrnoException {
    int from = Math.max(0, chunk * BLOCKS_OF_CHUNK - 2);
    int to = Math.min(BLOCK_COUNT, (chunk + 1) * BLOCKS_OF_CHUNK + 2);
    check(from, to, "chunk " + chunk + ", " + what);
  }

  private void checkAll(String what) throws ErrnoException {
    check(0, BLOCK_COUNT, what);
  }

  private void check(int fromBlock, int toBlock, String what) throws ErrnoException {
    String message = what + ", seed " + SEED;
    check(image, imageModel, fromBlock, toBlock, "image, " + message);
    check(live, liveModel, fromBlock, toBlock, "original, " + message);
  }

  private static void check(
      BlockDevice device, long[] model, int fromBlock, int toBlock, String what)
      throws ErrnoException {
    for (int from = fromBlock, to; from < toBlock; from = to) {
      to = from + 1;
      while (to < toBlock && model[to] == model[from]) {
        to++;
      }
      new SectorPattern(model[from])
          .check(device, (long) from * BLOCK, (long) (to - from) * BLOCK, what);
    }
  }
}
