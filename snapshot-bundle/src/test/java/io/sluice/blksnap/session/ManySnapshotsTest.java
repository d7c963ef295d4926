package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.blksnap.cow.CowChain;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotDeviceInfo;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.swap.ProviderUser.Suspended;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several snapshots of one device at once. */
class ManySnapshotsTest extends EngineFixture {
  /** A held snapshot, and what it must read. */
  private static final class Held {
    private final UUID id;
    private final MemoryStore store;
    private final BlockDevice image;
    private final byte[] bytes;

    Held(UUID id, MemoryStore store, BlockDevice image, byte[] bytes) {
      this.id = id;
      this.store = store;
      this.image = image;
      this.bytes = bytes;
    }
  }

  private Held take(String name, long limitBytes, int chunkSizeBytes) throws ErrnoException {
    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    UUID id =
        engine.create(
            new SnapshotRequest(List.of("disk"), "memory", "", limitBytes, chunkSizeBytes, name));
    try {
      engine.take(id);
    } catch (ErrnoException e) {
      engine.destroy(id);
      throw e;
    }
    return new Held(id, stores.next, published.get("disk@" + name), disk.bytes.clone());
  }

  private Held take(String name) throws ErrnoException {
    return take(name, 0, 0);
  }

  private SnapshotDeviceInfo info(Held held) throws ErrnoException {
    return engine.info(held.id).devices().get(0);
  }

  private static void assertReads(Held held) throws ErrnoException {
    assertArrayEquals(held.bytes, read(held.image, 0, held.bytes.length), held.image.toString());
  }

  @Test
  void oldDataIsSavedOnceForAll_andReadThroughEach() throws Exception {
    Held first = take("first");
    disk.write(0, filled(CHUNK, 1));
    Held second = take("second");
    Held third = take("third");
    disk.write(0, filled(3 * CHUNK, 2));
    assertEquals(1, info(first).chunksSaved());
    assertEquals(0, info(second).chunksSaved());
    assertEquals(3, info(third).chunksSaved());
    for (Held held : List.of(first, second, third)) {
      assertReads(held);
    }
    assertEquals(3L * CHUNK, info(third).bytesCopied(), "one copy, whoever needs it");
    assertEquals(Errno.EBUSY, errnoOf(() -> registry.detach("disk", "blksnap")));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void theyAreDestroyedInAnyOrder(long seed) throws Exception {
    Random random = new Random(seed);
    List<Held> held = new ArrayList<>();
    List<MemoryStore> all = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      if (held.size() < 5 && random.nextInt(3) > 0) {
        held.add(take("s" + i));
        all.add(stores.next);
      } else if (!held.isEmpty()) {
        Held gone = held.remove(random.nextInt(held.size()));
        engine.destroy(gone.id);
        assertEquals(Errno.EIO, errnoOf(() -> read(gone.image, 0, 1)));
      }
      byte[] data = new byte[1 + random.nextInt(2 * CHUNK)];
      random.nextBytes(data);
      disk.write(random.nextInt(SIZE - data.length), data);
      for (Held one : held) {
        assertReads(one);
      }
    }
    Collections.shuffle(held, random);
    for (Held one : held) {
      assertReads(one);
      engine.destroy(one.id);
    }
    assertTrue(all.stream().allMatch(store -> store.closed), "seed " + seed);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void whatADestroyedOneSavedStays_whileAnOlderOneNeedsIt_andIsNamed() throws Exception {
    Held older = take("older");
    Held newer = take("newer");
    disk.write(0, filled(CHUNK, 1));
    engine.destroy(newer.id);
    assertFalse(newer.store.closed);
    assertReads(older);
    disk.write(CHUNK, filled(CHUNK, 1)); // it still saves
    assertReads(older);
    String description = engine.info(older.id).store().description();
    assertEquals("memory store; and memory store, kept of destroyed snapshots", description);
    engine.destroy(older.id);
    assertTrue(newer.store.closed);
  }

  @Test
  void whatIsWrittenToOneImageIsSeenInNoOther() throws Exception {
    Held first = take("first");
    disk.write(0, filled(CHUNK, 1));
    Held second = take("second");
    disk.write(CHUNK, filled(CHUNK, 2));
    for (int offset : new int[] {100, CHUNK + 100, 2 * CHUNK + 100}) {
      first.image.submit(new Bio().write(offset, ByteBuffer.wrap(filled(8, 7)), 0));
      second.image.submit(new Bio().write(offset + 4, ByteBuffer.wrap(filled(8, 8)), 0));
      Arrays.fill(first.bytes, offset, offset + 8, (byte) 7);
      Arrays.fill(second.bytes, offset + 4, offset + 12, (byte) 8);
    }
    second.image.submit(new Bio().discard(4 * CHUNK, CHUNK, 0));
    Arrays.fill(second.bytes, 4 * CHUNK, 5 * CHUNK, (byte) 0);
    assertReads(first);
    assertReads(second);
    disk.write(0, filled(SIZE, 9));
    assertReads(first);
    assertReads(second);
    assertArrayEquals(filled(SIZE, 9), readAll(disk));
  }

  @Test
  void aFullStoreCostsItsOwnSnapshotAlone() throws Exception {
    Held older = take("older");
    Held full = take("full", 2 * CHUNK, 0);
    disk.write(0, filled(SIZE, 1));
    assertEquals(-Errno.ENOSPC.number(), info(full).errorCode());
    assertEquals(0, info(older).errorCode());
    assertReads(older);
    Held newer = take("newer");
    disk.write(0, filled(SIZE, 2));
    assertReads(older);
    assertReads(newer);
    engine.destroy(full.id);
    assertReads(older);
  }

  @Test
  void aStoreThatIsLostCostsThoseWhoNeedIt() throws Exception {
    Held older = take("older");
    Held lost = take("lost");
    disk.write(0, filled(CHUNK, 1));
    Held newer = take("newer");
    disk.write(CHUNK, filled(CHUNK, 1));
    stores.present = true;
    Suspended suspended = engine.storeSwap().suspend(1, Duration.ofSeconds(1));
    stores.refused = lost.store;
    assertEquals(Errno.EIO, errnoOf(() -> suspended.resume(Duration.ofSeconds(1))));
    assertEquals(-Errno.EIO.number(), info(lost).errorCode());
    assertEquals(-Errno.EIO.number(), info(older).errorCode());
    assertEquals(0, info(newer).errorCode());
    disk.write(0, filled(SIZE, 2));
    assertReads(newer);
  }

  @Test
  void allOfADeviceHaveOneChunk() throws Exception {
    take("first", 0, 2 * CHUNK);
    assertEquals(Errno.EINVAL, errnoOf(() -> take("second", 0, CHUNK)));
    Held third = take("third");
    assertEquals(2 * CHUNK, info(third).chunkSizeBytes());
  }

  @Test
  void aDeviceThatGrowsBetweenThem() throws Exception {
    Held small = take("small");
    disk.bytes = Arrays.copyOf(disk.bytes, SIZE + 70 * CHUNK);
    Held large = take("large", 0, 0);
    disk.write(0, filled(SIZE + 70 * CHUNK, 1));
    assertReads(small);
    assertReads(large);
    disk.bytes = Arrays.copyOf(disk.bytes, SIZE);
    assertEquals(Errno.EINVAL, errnoOf(() -> take("shrunk")));
  }

  @Test
  void thereIsALimit_whichCountsWhatOlderOnesNeed() throws Exception {
    Held oldest = take("oldest");
    List<Held> held = new ArrayList<>();
    for (int i = 1; i < CowChain.AREA_COUNT_MAX; i++) {
      disk.write(i % 8 * CHUNK, filled(100, i));
      held.add(take("s" + i));
    }
    assertEquals(Errno.EBUSY, errnoOf(() -> take("toomany")));
    engine.destroy(held.get(5).id);
    assertEquals(Errno.EBUSY, errnoOf(() -> take("toomany")), "its data are needed");
    assertReads(oldest);
    engine.destroy(oldest.id);
    take("another");
    for (Held one : held.subList(6, held.size())) {
      assertReads(one);
    }
  }

  @Test
  void thoseThatSavedNothingTakeNoRoom() throws Exception {
    Held oldest = take("oldest");
    disk.write(0, filled(100, 1));
    for (int i = 0; i < 3 * CowChain.AREA_COUNT_MAX; i++) {
      engine.destroy(take("s" + i).id);
    }
    disk.write(0, filled(SIZE, 2));
    assertReads(oldest);
  }

  @Test
  void aFilterPutAsideCostsAllOfThem() throws Exception {
    Held first = take("first");
    Held second = take("second");
    disk.filter.quarantined("it threw");
    assertEquals(-Errno.EFAULT.number(), info(first).errorCode());
    assertEquals(-Errno.EFAULT.number(), info(second).errorCode());
    registry.detach("disk", ChangeTracking.FILTER_NAME);
    registry.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    Held third = take("third");
    disk.write(0, filled(SIZE, 2));
    assertReads(third);
  }
}
