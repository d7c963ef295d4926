package io.sluice.itests.acceptance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SectorRange;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** blksnap's acceptance cases 9 to 24: change tracking. */
@Timeout(120)
class CbtCasesTest {
  private static final int SECTOR = DeviceGeometry.SECTOR_SIZE_BYTES;
  private static final int BLOCK = 64 << 10;
  private static final int BLOCK_COUNT = 16;
  private static final long SIZE = (long) BLOCK * BLOCK_COUNT;
  private static final SectorPattern LIVE = new SectorPattern(2);
  private static final String STATE = "state";

  @TempDir static Path scratch;
  private static InProcessAgent agent;

  @BeforeAll
  static void start() throws Exception {
    agent = InProcessAgent.start(scratch.resolve("run"), state(scratch.resolve(STATE)));
  }

  @AfterEach
  void clear() throws Exception {
    agent.clear();
  }

  @AfterAll
  static void stop() throws Exception {
    agent.close();
  }

  private static Map<String, String> state(Path directory) {
    return Map.of("sluice.state.dir", directory.toString());
  }

  /** A map that is zero but for pairs of block and number. */
  private static byte[] map(int... blocksAndNumbers) {
    byte[] map = new byte[BLOCK_COUNT];
    for (int i = 0; i < blocksAndNumbers.length; i += 2) {
      map[blocksAndNumbers[i]] = (byte) blocksAndNumbers[i + 1];
    }
    return map;
  }

  private static void nextSnapshot(String device) throws Exception {
    agent.snapshots().destroy(agent.snapshots().resolve("s"));
    agent.take("s", device);
  }

  @Test
  void case09_theTrackingBlockFollowsTheSize() throws Exception {
    HugeOrigin huge = new HugeOrigin();
    var registration = huge.register(agent.context());
    try {
      checkSizes(128L << 30, 65536, 2_097_152);
      checkSizes((128L << 30) + SECTOR, 131072, 1_048_577);
      checkSizes(1L << 50, 64 << 20, 16_777_216);
    } finally {
      agent.clear();
      registration.unregister();
    }
  }

  private static void checkSizes(long sizeBytes, int blockSizeBytes, int blockCount)
      throws Exception {
    String name = "c9-" + sizeBytes;
    BlockDevice live = agent.add(name, HugeOrigin.path(sizeBytes));
    agent.attach(name, ChangeTracking.FILTER_NAME);
    CbtInfo info = agent.tracking().info(name);
    assertEquals(sizeBytes, info.capacityBytes());
    assertEquals(blockSizeBytes, info.blockSizeBytes());
    assertEquals(blockCount, info.blockCount());
    live.submit(new Bio().writeZeroes(sizeBytes - SECTOR, SECTOR, 0));
    agent.take("s", name);
    assertEquals(1, agent.map(name)[blockCount - 1], "the last block");
    agent.snapshots().destroy(agent.snapshots().resolve("s"));
  }

  @Test
  void case10_beforeTheFirstTakeTheMapIsZero() throws Exception {
    BlockDevice live = agent.trackedDisk("c10", SIZE);
    LIVE.write(live, 0, 3 * BLOCK);
    assertEquals(0, agent.tracking().info("c10").changesNumber());
    assertArrayEquals(map(), agent.map("c10"));
  }

  @Test
  void case11_aWrittenBlockHasTheNumberOfTheTake() throws Exception {
    BlockDevice live = agent.trackedDisk("c11", SIZE);
    LIVE.write(live, 5L * BLOCK, SECTOR);
    agent.take("s", "c11");
    assertEquals(1, agent.tracking().info("c11").changesNumber());
    assertArrayEquals(map(5, 1), agent.map("c11"));
  }

  @Test
  void case12_theMapStandsStillUnderASnapshot() throws Exception {
    BlockDevice live = agent.trackedDisk("c12", SIZE);
    LIVE.write(live, 5L * BLOCK, SECTOR);
    agent.take("s", "c12");
    LIVE.write(live, 7L * BLOCK, SECTOR);
    assertArrayEquals(map(5, 1), agent.map("c12"));
    nextSnapshot("c12");
    assertEquals(2, agent.tracking().info("c12").changesNumber());
    assertArrayEquals(map(5, 1, 7, 2), agent.map("c12"));
  }

  @Test
  void case13_whatCanChangeDataMarks_andNothingElse() throws Exception {
    BlockDevice live = agent.trackedDisk("c13", SIZE);
    LIVE.write(live, 0, SECTOR);
    live.submit(new Bio().discard(2L * BLOCK, BLOCK, 0));
    live.submit(new Bio().writeZeroes(4L * BLOCK, SECTOR, 0));
    live.submit(new Bio().flush());
    live.submit(new Bio().write(6L * BLOCK, ByteBuffer.allocateDirect(0), 0));
    live.submit(new Bio().writeZeroes(8L * BLOCK, 0, 0));
    live.submit(new Bio().discard(9L * BLOCK, 0, 0));
    SectorPattern.read(live, 10L * BLOCK, SECTOR);
    agent.take("s", "c13");
    assertArrayEquals(map(0, 1, 2, 1, 4, 1), agent.map("c13"));
  }

  @Test
  void case14_aWriteAcrossABorderMarksBoth_andOnePastTheEndNothing() throws Exception {
    BlockDevice live = agent.trackedDisk("c14", SIZE - BLOCK + SECTOR);
    LIVE.write(live, 3L * BLOCK - SECTOR, 2 * SECTOR);
    LIVE.write(live, SIZE - BLOCK, SECTOR);
    Errors.refused(Errno.ENOSPC, () -> LIVE.write(live, SIZE - BLOCK + SECTOR, SECTOR));
    Errors.refused(Errno.ENOSPC, () -> LIVE.write(live, SIZE - BLOCK, 2 * SECTOR));
    agent.take("s", "c14");
    assertArrayEquals(map(2, 1, 3, 1, BLOCK_COUNT - 1, 1), agent.map("c14"));
    LIVE.write(live, 0, SECTOR);
    nextSnapshot("c14");
    assertArrayEquals(
        map(0, 2, 2, 1, 3, 1, BLOCK_COUNT - 1, 1), agent.map("c14"), "tracking has gone on");
  }

  @Test
  void case15_anImageWriteIsInThisMapAndTheNext() throws Exception {
    agent.trackedDisk("c15", SIZE);
    agent.take("s", "c15");
    LIVE.write(agent.image("c15", "s"), 9L * BLOCK, SECTOR);
    assertArrayEquals(map(9, 1), agent.map("c15"));
    nextSnapshot("c15");
    assertArrayEquals(map(9, 2), agent.map("c15"));
  }

  @Test
  void case16_rangesAreMarkedInBothMaps_orNoneIs() throws Exception {
    agent.trackedDisk("c16", SIZE);
    agent.take("s", "c16");
    int exitCode =
        agent.blksnap("markdirtyblock", "-d", "c16", "-r", "0:1", "-r", "512:8").exitCode();
    assertEquals(0, exitCode);
    assertArrayEquals(map(0, 1, 4, 1), agent.map("c16"));
    long end = SIZE / SECTOR;
    Errors.refused(
        Errno.EINVAL,
        () ->
            agent
                .tracking()
                .markDirty("c16", List.of(new SectorRange(1024, 1), new SectorRange(end, 1))));
    assertEquals(
        1,
        agent.blksnap("markdirtyblock", "-d", "c16", "-r", "1024:1", end + ":1").exitCode(),
        "past the end, by the tool");
    assertArrayEquals(map(0, 1, 4, 1), agent.map("c16"), "nothing else is marked");
    nextSnapshot("c16");
    assertArrayEquals(map(0, 2, 4, 2), agent.map("c16"));
  }

  @Test
  void case18_theMapIsNeverReadBeyondItsEnd() throws Exception {
    agent.trackedDisk("c18", SIZE);
    ChangeTracking tracking = agent.tracking();
    tracking.readMap("c18", BLOCK_COUNT, ByteBuffer.allocate(0));
    for (long first : new long[] {BLOCK_COUNT + 1, 1L << 32, Long.MAX_VALUE, -1}) {
      Errors.refused(Errno.ENODATA, () -> tracking.readMap("c18", first, ByteBuffer.allocate(0)));
    }
    Errors.refused(Errno.ENODATA, () -> tracking.readMap("c18", 1, ByteBuffer.allocate(16)));
    Errors.refused(
        Errno.ENODATA, () -> tracking.readMap("c18", Long.MAX_VALUE - 3, ByteBuffer.allocate(8)));
  }

  @Test
  void case22_aWriteThatFailsIsMarkedNevertheless() throws Exception {
    BlockDevice live = agent.trackedDisk("c22", SIZE);
    agent.attach("c22", "fault");
    agent.filters().ctl("c22", "fault", "add", List.of("error", "op=write", "count=1"));
    Errors.refused(Errno.EIO, () -> LIVE.write(live, 3L * BLOCK, SECTOR));
    agent.take("s", "c22");
    assertArrayEquals(map(3, 1), agent.map("c22"));
  }

  @Test
  void case23_aRestartGoesOnOrStartsAnew() throws Exception {
    Path state = scratch.resolve("state23");
    InProcessAgent first = InProcessAgent.start(scratch.resolve("first"), state(state));
    Path origin = first.origin("c23");
    BlockDevice live = first.trackedDisk("c23", SIZE);
    first.take("s", "c23");
    LIVE.write(live, 5L * BLOCK, SECTOR);
    CbtInfo before = first.tracking().info("c23");
    assertEquals(List.of(), saved(state), "while it tracks there is nothing a crash could leave");
    first.close();
    assertEquals(1, saved(state).size(), "an orderly stop keeps the maps");

    InProcessAgent second = InProcessAgent.start(scratch.resolve("second"), state(state));
    second.add("c23", origin.toString());
    second.attach("c23", ChangeTracking.FILTER_NAME);
    assertEquals(before, second.tracking().info("c23"));
    second.take("s", "c23");
    assertArrayEquals(map(5, 2), second.map("c23"));
    second.close();

    // What a kill leaves is what lay there while the first agent tracked: no state.
    InProcessAgent third =
        InProcessAgent.start(scratch.resolve("third"), state(scratch.resolve("state-of-killed")));
    third.add("c23", origin.toString());
    third.attach("c23", ChangeTracking.FILTER_NAME);
    assertNotEquals(before.generationId(), third.tracking().info("c23").generationId());
    assertEquals(0, third.tracking().info("c23").changesNumber());
    third.close();
  }

  private static List<String> saved(Path state) throws Exception {
    if (Files.notExists(state.resolve("cbt"))) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(state.resolve("cbt"))) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void case24_theSameStorageIsNotServedTwice() throws Exception {
    agent.trackedDisk("c24", SIZE);
    Path link = Files.createSymbolicLink(scratch.resolve("link-to-c24"), agent.origin("c24"));
    String refusal = Errors.refused(Errno.EBUSY, () -> agent.add("other", link.toString()));
    System.out.println("case24: " + refusal);
  }
}
