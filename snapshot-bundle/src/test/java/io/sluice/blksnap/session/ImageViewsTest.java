package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceMap;
import io.sluice.block.DeviceView;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Images with the changes since other takes, each frozen with its own snapshot. */
class ImageViewsTest extends EngineFixture {
  private static final int BLOCK = 64 << 10;
  private static final int BLOCKS = 16;

  private MemoryRegistry.Disk wide;

  @BeforeEach
  void aDiskOfSixteenTrackingBlocks() throws Exception {
    wide = registry.new Disk("wide", BLOCKS * BLOCK);
    registry.attach(AttachRequest.of("wide", "blksnap"));
  }

  private UUID take(String name, String... devices) throws ErrnoException {
    UUID id = engine.create(new SnapshotRequest(List.of(devices), "memory", "", 0, CHUNK, name));
    engine.take(id);
    return id;
  }

  private void write(int block) throws ErrnoException {
    wide.write(block * BLOCK, new byte[512]);
  }

  private DeviceView view(String name) {
    return engine.views().find(name).orElseThrow();
  }

  private static DeviceMap map(DeviceView view, String name) {
    return view.maps().stream()
        .filter(map -> map.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no map " + name + ": " + view.description()));
  }

  /** The state of each tracking block, from extents that must be whole and merged. */
  private static int[] states(DeviceMap map) throws ErrnoException {
    int[] states = new int[BLOCKS];
    long[] at = {0};
    int[] last = {-1};
    map.extents(
        0,
        Long.MAX_VALUE,
        (lengthBytes, state) -> {
          assertTrue(last[0] != state, "neighbours have the same state");
          assertEquals(0, lengthBytes % BLOCK);
          for (long end = at[0] + lengthBytes; at[0] < end; at[0] += BLOCK) {
            states[(int) (at[0] / BLOCK)] = state;
          }
          last[0] = state;
          return true;
        });
    assertEquals((long) BLOCKS * BLOCK, at[0]);
    return states;
  }

  private List<Integer> changed(String name) throws ErrnoException {
    int[] states = states(map(view(name), DeviceMap.CHANGED));
    List<Integer> blocks = new ArrayList<>();
    for (int block = 0; block < BLOCKS; block++) {
      if (states[block] == 1) {
        blocks.add(block);
      }
    }
    return blocks;
  }

  private static List<String> names(DeviceView view) {
    return view.maps().stream().map(DeviceMap::name).toList();
  }

  @Test
  void eachHeldSnapshotKeepsTheMapOfItsOwnTake() throws Exception {
    take("a", "wide");
    write(1);
    take("b", "wide");
    write(1);
    write(2);
    take("c", "wide");
    write(1);
    write(3);
    take("d", "wide");
    assertEquals(List.of(1), changed("wide@b..a"));
    assertEquals(List.of(1, 2), changed("wide@c..a"));
    assertEquals(List.of(1, 2), changed("wide@c..b"));
    assertEquals(List.of(1, 2, 3), changed("wide@d..a"));
    assertEquals(List.of(1, 3), changed("wide@d..c"));
    assertEquals(List.of(), changed("wide@b..b"));
    assertArrayEquals(
        new int[] {0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
        states(map(view("wide@b"), names(view("wide@b")).get(1))));
  }

  @Test
  void aBaseIsAnIdANameOrAPosition() throws Exception {
    UUID a = take("a", "wide");
    write(5);
    UUID b = take("", "wide");
    String position =
        engine.info("wide").generationId() + ":" + (engine.info("wide").changesNumber() - 1);
    String own = "wide@" + b + ".." + position;
    for (String base : List.of("a", a.toString(), position)) {
      DeviceView view = view("wide@" + b + ".." + base);
      assertEquals(own, view.name(), "what it is found by for good");
      assertEquals("wide", view.liveDevice());
      assertSame(published.get("wide@" + b), view.device());
      assertEquals(List.of(5), changed("wide@" + b + ".." + base));
      assertTrue(names(view).contains("since:" + position), names(view).toString());
      assertTrue(view.description().contains("changed since"), view.description());
    }
    engine.destroy(a);
    assertEquals(List.of(5), changed(own), "the base's data may be gone");
  }

  @Test
  void aVoidBaseHasNoMapAndAReason() throws Exception {
    take("a", "wide");
    take("b", "wide");
    take("other", "disk");
    engine.create(new SnapshotRequest(List.of("wide"), "memory", "", 0, CHUNK, "created"));
    String generation = engine.info("wide").generationId().toString();
    isVoid("wide@a..b", "is newer than this image, which is number 1");
    isVoid("wide@a.." + generation + ":2", "is newer");
    isVoid(
        "wide@b.." + new UUID(9, 9) + ":1", "tracking began anew, with generation " + generation);
    isVoid("wide@b..other", "snapshot other is not one of wide");
    isVoid("wide@b..created", "no snapshot that is held");
    isVoid("wide@b..nonsense", "no snapshot that is held");
    isVoid("wide@b..", "no snapshot that is held");
    isVoid("wide@b.." + generation + ":1000", "no snapshot that is held");
  }

  private void isVoid(String name, String why) {
    DeviceView view = view(name);
    assertEquals(name, view.name());
    assertTrue(view.description().contains(why), view.description());
    assertEquals(2, view.maps().size(), names(view).toString());
    assertEquals(DeviceMap.DEPTH, view.maps().get(0).name());
  }

  @Test
  void othersHaveNoView() throws Exception {
    UUID a = take("a", "wide");
    for (String name :
        List.of("wide", "wide@", "wide@x", "wide@x..a", "disk@a", "", "..", "wide@a.")) {
      assertTrue(engine.views().find(name).isEmpty(), name);
    }
    engine.destroy(a);
    assertTrue(engine.views().find("wide@a").isEmpty());
    assertTrue(engine.views().find("wide@a..a").isEmpty());
  }

  @Test
  void theLongestSnapshotNameWins() throws Exception {
    take("a", "wide");
    write(1);
    take("b..c", "wide");
    write(2);
    take("a..b", "wide");
    assertEquals(List.of(1, 2), changed("wide@a..b..a"));
    isVoid("wide@a..b..c", "base \"c\" is no snapshot");
    isVoid("wide@a..x..y", "base \"x..y\"");
    assertEquals(List.of(2), changed("wide@a..b..b..c"));
  }

  @Test
  void whatIsWrittenToAnImageOrMarkedIsInAllMaps() throws Exception {
    take("a", "wide");
    write(1);
    take("b", "wide");
    write(2);
    take("c", "wide");
    // A backup of image a, made after this, differs there from b and from c.
    published.get("wide@a").submit(new Bio().write(7L * BLOCK, ByteBuffer.allocate(512), 0));
    assertEquals(List.of(1, 7), changed("wide@b..a"));
    assertEquals(List.of(1, 2, 7), changed("wide@c..a"));
    assertTrue(changed("wide@a..a").contains(7), "a backup from before the write lacks it");
    engine.markDirty("wide", List.of(new SectorRange(9L * BLOCK / 512, 1)));
    assertEquals(List.of(1, 7, 9), changed("wide@b..a"));
    take("d", "wide");
    assertEquals(List.of(7, 9), changed("wide@d..c"));
  }

  @Test
  void aNewGenerationIsVoidForEarlierBasesAndNotForItsOwn() throws Exception {
    take("a", "wide");
    for (int number = 2; number <= 255; number++) {
      engine.destroy(take("x", "wide"));
    }
    take("b", "wide");
    write(4);
    take("c", "wide");
    isVoid("wide@c..a", "tracking began anew");
    assertEquals(List.of(4), changed("wide@c..b"));
  }

  @Test
  void depthTellsOwnChunksFromThoseBelow() throws Exception {
    java.util.Arrays.fill(wide.bytes, (byte) 1);
    take("a", "wide");
    write(0);
    take("b", "wide");
    write(1);
    int[] first = states(map(view("wide@a"), DeviceMap.DEPTH), 3);
    assertEquals(1, first[0], "saved for a");
    assertEquals(2, first[1], "saved for b, which is newer");
    assertEquals(2, first[2], "in the origin");
    int[] second = states(map(view("wide@b"), DeviceMap.DEPTH), 3);
    assertEquals(0, second[0], "zeroes in the origin");
    assertEquals(2, second[2], "in the origin");
    assertEquals(1, second[1]);
  }

  /** The state of the first chunk of the first blocks. */
  private static int[] states(DeviceMap map, int count) throws ErrnoException {
    int[] states = new int[count];
    for (int block = 0; block < count; block++) {
      int at = block;
      map.extents(
          (long) block * BLOCK,
          512,
          (lengthBytes, state) -> {
            states[at] = state;
            return true;
          });
    }
    return states;
  }

  @Test
  void mapsFailWithTheirImage() throws Exception {
    UUID a = take("a", "wide");
    DeviceView view = view("wide@a..a");
    BlockDevice image = published.get("wide@a");
    for (DeviceMap map : view.maps()) {
      assertEquals(
          Errno.EINVAL, errnoOf(() -> map.extents(BLOCKS * BLOCK, 1, (length, state) -> true)));
      assertEquals(Errno.EINVAL, errnoOf(() -> map.extents(0, 0, (length, state) -> true)));
    }
    engine.destroy(a);
    assertEquals(Errno.EIO, errnoOf(() -> image.submit(new Bio().read(0, ByteBuffer.allocate(1)))));
    for (DeviceMap map : view.maps()) {
      assertEquals(Errno.EIO, errnoOf(() -> map.extents(0, 1, (length, state) -> true)));
    }
  }

  @Test
  void mapsOfALostImageFail() throws Exception {
    UUID id =
        engine.create(new SnapshotRequest(List.of("wide"), "memory", "", 2 * CHUNK, CHUNK, "s"));
    engine.take(id);
    java.util.Arrays.fill(wide.bytes, (byte) 1);
    for (int block = 0; block < BLOCKS; block++) {
      write(block);
    }
    for (DeviceMap map : view("wide@s..s").maps()) {
      assertEquals(
          Errno.EIO, errnoOf(() -> map.extents(0, 1, (length, state) -> true)), map.name());
    }
  }
}
