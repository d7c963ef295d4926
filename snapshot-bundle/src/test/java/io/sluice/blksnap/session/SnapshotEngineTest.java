package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ExtentVisitor;
import io.sluice.block.StorageIdentity;
import io.sluice.snapshot.SectorRange;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.SnapshotState;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Acceptance cases 25 to 31, 40 to 44, 50, 54, 65 and 66 of the reference, on disks in memory. */
class SnapshotEngineTest extends EngineFixture {
  @Test
  void case25_theHappyPath() throws Exception {
    UUID id = create(0, "disk");
    assertEquals(SnapshotState.CREATED, engine.info(id).state());
    SnapshotInfo info = engine.take(id);
    assertEquals(SnapshotState.TAKEN, info.state());
    assertEquals("disk@snap", info.devices().get(0).image());
    assertEquals(1, info.devices().get(0).changesNumber());
    BlockDevice image = published.get("disk@snap");
    assertEquals(SIZE, image.geometry().sizeBytes());
    assertFalse(image.geometry().readOnly());
    disk.write(0, filled(SIZE, 1));
    assertArrayEquals(before, readAll(image));
    engine.destroy(id);
    assertEquals(Map.of(), published);
    assertTrue(stores.next.closed);
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    assertEquals(List.of(), engine.list());
  }

  @Test
  void case26_errorsOfTheVerbs() throws Exception {
    UUID none = new UUID(9, 9);
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.take(none)));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.add(none, "disk")));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.info(none)));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.waitEvent(none, NO_WAIT)));
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.destroy(none)));
    UUID empty = create(1 << 20);
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.take(empty)));
    engine.add(empty, "disk");
    engine.take(empty);
    assertEquals(Errno.EALREADY, errnoOf(() -> engine.take(empty)));
    registry.new Disk("late", SIZE);
    assertEquals(Errno.EBUSY, errnoOf(() -> engine.add(empty, "late")), "case 31");
    assertEquals(Errno.EEXIST, errnoOf(() -> create(0, "late")));
  }

  @Test
  void case27_aDeviceIsInASnapshotOnce() throws Exception {
    UUID first = create(0, "disk");
    assertEquals(Errno.EALREADY, errnoOf(() -> engine.add(first, "disk")));
    assertEquals(
        Errno.EALREADY,
        errnoOf(
            () ->
                engine.create(
                    new SnapshotRequest(List.of("disk", "disk"), "memory", "", 0, 0, ""))));
  }

  @Test
  void case30_aBadSecondDeviceCreatesNothing() {
    assertEquals(Errno.ENODEV, errnoOf(() -> create(0, "disk", "nosuch")));
    assertEquals(List.of(), engine.list());
    assertNull(disk.filter, "the filter that was attached for it is detached again");
  }

  @Test
  void badRequestsAreRefusedWithTheirLimits() {
    for (int chunk : new int[] {1, 2048, 4097, 1 << 27, -4096}) {
      assertEquals(
          Errno.EINVAL,
          errnoOf(
              () ->
                  engine.create(new SnapshotRequest(List.of("disk"), "memory", "", 0, chunk, ""))));
    }
    for (String name : new String[] {"a b", "-x", "a/b", "x".repeat(65), new UUID(1, 2) + ""}) {
      assertEquals(
          Errno.EINVAL,
          errnoOf(() -> engine.create(new SnapshotRequest(List.of(), "memory", "", 0, 0, name))));
    }
    assertEquals(Errno.EINVAL, errnoOf(() -> create(-1, "disk")));
  }

  @Test
  void case40_aSectorOverwrittenOftenTakesOneChunk() throws Exception {
    BlockDevice image = takeOne(0);
    for (int i = 0; i < 1000; i++) {
      disk.write(3 * CHUNK + 512, filled(512, i));
    }
    SnapshotInfo info = engine.list().get(0);
    assertEquals(1, info.devices().get(0).chunksSaved());
    assertEquals(CHUNK, info.store().filledBytes());
    assertEquals(CHUNK, info.devices().get(0).bytesCopied());
    assertArrayEquals(before, readAll(image));
  }

  @Test
  void case42_theShortLastChunk() throws Exception {
    BlockDevice image = takeOne(0);
    disk.write(SIZE - 10, filled(10, 5));
    assertArrayEquals(before, readAll(image));
    image.submit(new Bio().write(SIZE - 4, ByteBuffer.wrap(filled(4, 9)), 0));
    assertArrayEquals(filled(4, 9), read(image, SIZE - 4, 4));
    assertArrayEquals(filled(10, 5), Arrays.copyOfRange(disk.bytes, SIZE - 10, SIZE));
  }

  @Test
  void case43_onlyChunksNotYetSavedAreCopied() throws Exception {
    BlockDevice image = takeOne(0);
    disk.write(2 * CHUNK, filled(1, 1));
    disk.write(4 * CHUNK, filled(1, 1));
    disk.write(CHUNK, filled(5 * CHUNK, 2));
    assertEquals(5, engine.list().get(0).devices().get(0).chunksSaved());
    assertArrayEquals(before, readAll(image));
  }

  @Test
  void aRunOfDataAndZeroesAndDataIsSavedWhole() throws Exception {
    Arrays.fill(disk.bytes, 2 * CHUNK, 5 * CHUNK, (byte) 0);
    before = disk.bytes.clone();
    BlockDevice image = takeOne(0);
    disk.write(0, filled(SIZE, 2));
    assertArrayEquals(before, readAll(image));
    assertEquals(3, engine.list().get(0).devices().get(0).chunksZero());
  }

  @Test
  void withoutALimit_aReadyStoreOfAnySizeIsTaken() throws Exception {
    stores.next = new MemoryStore(100 * CHUNK, Long.MAX_VALUE);
    BlockDevice image = takeOne(0);
    disk.write(0, filled(SIZE, 2));
    assertArrayEquals(before, readAll(image));
  }

  @Test
  void case44_imageAndOriginWritesInOneChunk_inBothOrders() throws Exception {
    BlockDevice image = takeOne(0);
    image.submit(new Bio().write(100, ByteBuffer.wrap(filled(8, 1)), 0));
    disk.write(104, filled(8, 2));
    disk.write(CHUNK + 104, filled(8, 2));
    image.submit(new Bio().write(CHUNK + 100, ByteBuffer.wrap(filled(8, 1)), 0));
    byte[] expected = before.clone();
    Arrays.fill(expected, 100, 108, (byte) 1);
    Arrays.fill(expected, CHUNK + 100, CHUNK + 108, (byte) 1);
    assertArrayEquals(expected, readAll(image));
    assertArrayEquals(filled(8, 2), Arrays.copyOfRange(disk.bytes, 104, 112));
    assertArrayEquals(Arrays.copyOfRange(before, 96, 104), Arrays.copyOfRange(disk.bytes, 96, 104));
    assertEquals(
        List.of(new SectorRange(0, (SIZE + 511) / 512)),
        engine.changedSince("disk", engine.info("disk").generationId(), 0),
        "case 15: image writes are in the held map");
  }

  @Test
  void case50_discardAndZeroesAreSavedLikeWrites_withoutReadingHoles() throws Exception {
    Arrays.fill(disk.bytes, 0, 2 * CHUNK, (byte) 0);
    before = disk.bytes.clone();
    BlockDevice image = takeOne(0);
    disk.live(new Bio().discard(0, 4 * CHUNK, 0));
    disk.live(new Bio().writeZeroes(4 * CHUNK + 5, CHUNK, Bio.FUA));
    assertArrayEquals(before, readAll(image));
    SnapshotInfo info = engine.list().get(0);
    assertEquals(2, info.devices().get(0).chunksZero());
    assertEquals(4, info.devices().get(0).chunksSaved());
    assertEquals(4 * CHUNK, info.devices().get(0).bytesCopied(), "holes are not read");
  }

  @Test
  void case53_imageDiscardReadsAsZeroes_andStaysInTheImage() throws Exception {
    BlockDevice image = takeOne(0);
    image.submit(new Bio().discard(CHUNK, 2 * CHUNK, 0));
    image.submit(new Bio().writeZeroes(5 * CHUNK + 7, 9, 0));
    image.submit(new Bio().flush());
    byte[] expected = before.clone();
    Arrays.fill(expected, CHUNK, 3 * CHUNK, (byte) 0);
    Arrays.fill(expected, 5 * CHUNK + 7, 5 * CHUNK + 16, (byte) 0);
    assertArrayEquals(expected, readAll(image));
    assertArrayEquals(before, disk.bytes);
    image.submit(new Bio().write(CHUNK + 10, ByteBuffer.wrap(filled(3, 3)), 0));
    Arrays.fill(expected, CHUNK + 10, CHUNK + 13, (byte) 3);
    assertArrayEquals(expected, readAll(image), "data written into a chunk of zeroes");
  }

  @Test
  void case66_overflowEndsTheImageAndNothingElse() throws Exception {
    BlockDevice image = takeOne(3 * CHUNK);
    disk.write(0, filled(3 * CHUNK, 1));
    assertArrayEquals(before, readAll(image));
    byte[] data = filled(SIZE, 2);
    disk.write(0, data);
    assertArrayEquals(data, disk.bytes);
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    assertEquals(Errno.EIO, errnoOf(() -> image.status(0, SIZE, (length, state) -> true)));
    UUID id = engine.list().get(0).id();
    assertEquals(-Errno.ENOSPC.number(), engine.info(id).devices().get(0).errorCode());
    List<SnapshotEvent.Code> codes = new ArrayList<>();
    Optional<SnapshotEvent> event = engine.waitEvent(id, NO_WAIT);
    while (event.isPresent()) {
      codes.add(event.get().code());
      event = engine.waitEvent(id, NO_WAIT);
    }
    assertEquals(
        List.of(SnapshotEvent.Code.NO_SPACE, SnapshotEvent.Code.CORRUPTED), codes, "each once");
    engine.destroy(id);
    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    disk.write(0, filled(1, 3));
    BlockDevice next = takeOne(0);
    byte[] now = disk.bytes.clone();
    disk.write(0, filled(SIZE, 4));
    assertArrayEquals(now, readAll(next), "a new snapshot of the same device works");
  }

  @Test
  void storeAndOriginErrorsEndTheImageAndNeverTheWrite() throws Exception {
    BlockDevice image = takeOne(0);
    stores.next.failWrite = Errno.EIO;
    disk.write(0, filled(10, 1));
    assertEquals(1, disk.bytes[9]);
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    engine.destroy(engine.list().get(0).id());

    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    takeOne(0);
    disk.failReads = Errno.ENOMEM;
    disk.write(5 * CHUNK, filled(10, 1));
    assertEquals(1, disk.bytes[5 * CHUNK]);
    assertEquals(-Errno.ENOMEM.number(), engine.list().get(0).devices().get(0).errorCode());
  }

  @Test
  void aFullStoreFailsAnImageWriteAlone() throws Exception {
    BlockDevice image = takeOne(CHUNK);
    image.submit(new Bio().write(0, ByteBuffer.wrap(filled(4, 1)), 0));
    assertEquals(
        Errno.ENOSPC,
        errnoOf(() -> image.submit(new Bio().write(CHUNK, ByteBuffer.wrap(filled(4, 1)), 0))));
    byte[] expected = before.clone();
    Arrays.fill(expected, 0, 4, (byte) 1);
    assertArrayEquals(expected, readAll(image));
  }

  @Test
  void anImageWriteThatFailsAndIsTriedAgainDoesNotEatTheStore() throws Exception {
    Arrays.fill(disk.bytes, 0, CHUNK, (byte) 0);
    BlockDevice image = takeOne(0);
    stores.next.failWrite = Errno.EIO;
    for (int offset : new int[] {0, CHUNK}) { // a chunk of zeroes, and one of data
      for (int i = 0; i < 5; i++) {
        Bio write = new Bio().write(offset + 7, ByteBuffer.wrap(filled(4, 1)), 0);
        assertEquals(Errno.EIO, errnoOf(() -> image.submit(write)));
      }
    }
    assertEquals(0, engine.list().get(0).store().filledBytes());
  }

  @Test
  void imageStatusIsOfTheTake_whateverTheLiveSideZeroes() throws Exception {
    Arrays.fill(disk.bytes, 0, CHUNK, (byte) 0);
    BlockDevice image = takeOne(0);
    disk.live(new Bio().writeZeroes(0, 6 * CHUNK, 0));
    boolean[] zero = new boolean[SIZE];
    int[] at = {0};
    image.status(
        0,
        SIZE,
        (length, state) -> {
          Arrays.fill(zero, at[0], at[0] + (int) length, (state & ExtentVisitor.ZERO) != 0);
          at[0] += (int) length;
          return true;
        });
    assertEquals(SIZE, at[0]);
    assertTrue(zero[0] && zero[CHUNK - 1], "a hole at the take");
    for (int i = CHUNK; i < 6 * CHUNK; i++) {
      assertFalse(zero[i], "zeroed on the live side after the take, at " + i);
    }
  }

  @Test
  void detachOfADeviceInASnapshotIsRefused_andAForcedOneEndsTheImage() throws Exception {
    BlockDevice image = takeOne(0);
    assertEquals(Errno.EBUSY, errnoOf(() -> registry.detach("disk", "blksnap")));
    registry.forceDetach(disk);
    disk.write(0, filled(10, 1));
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    engine.destroy(engine.list().get(0).id());
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.info("disk")));
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.info("nosuch")));
  }

  @Test
  void aStoreOnTheDeviceItWouldServeIsRefused() {
    stores.next.identities = List.of(new StorageIdentity(true, 0, 1), disk.originIdentity());
    assertEquals(Errno.EINVAL, errnoOf(() -> create(0, "disk")));
    assertTrue(stores.next.closed);
    assertEquals(List.of(), engine.list());
  }

  @Test
  void oneCutOverSeveralDevices() throws Exception {
    registry.new Disk("second", 2 * CHUNK);
    UUID id = create(0, "disk", "second");
    int freezes = registry.freezeCount;
    SnapshotInfo info = engine.take(id);
    assertEquals(freezes + 1, registry.freezeCount, "all devices are held at once");
    assertEquals(2, info.devices().size());
    assertEquals(Set.of("disk@snap", "second@snap"), published.keySet());
    assertEquals(id, engine.resolve("snap"));
    assertEquals(id, engine.resolve(id.toString()));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.resolve("other")));
    assertEquals(Errno.EINVAL, errnoOf(() -> engine.resolve("a b")));
  }
}
