package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.StorageIdentity;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.snapshot.StoreRequest;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Stores added to held snapshots and moved, and what older snapshots inherit of one that fails. */
class StoresUnderASnapshotTest extends EngineFixture {
  private static final StoreRequest MORE = new StoreRequest("memory", "", 0);

  private MemoryStore nextStore() {
    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    return stores.next;
  }

  @Test
  void anAddedStoreSavesASnapshotFromOverflow() throws Exception {
    UUID id = create(2 * CHUNK, "disk");
    engine.take(id);
    BlockDevice image = published.get("disk@snap");
    disk.write(0, filled(2 * CHUNK, 1));
    MemoryStore second = nextStore();
    engine.addStore(id, MORE);
    disk.write(2 * CHUNK, filled(SIZE - 2 * CHUNK, 1));
    assertArrayEquals(before, readAll(image));
    assertEquals(2, engine.info(id).stores().size());
    assertEquals(11 * CHUNK, engine.info(id).store().filledBytes());
    engine.destroy(id);
    assertTrue(second.closed);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void aMovedSnapshotIsReadAndFilledOnInItsNewStore() throws Exception {
    BlockDevice image = takeOne(0);
    UUID id = engine.list().get(0).id();
    disk.write(0, filled(3 * CHUNK, 1));
    MemoryStore old = stores.next;
    MemoryStore target = nextStore();
    engine.moveStores(id, MORE, (done, total) -> true);
    assertTrue(old.closed);
    disk.write(3 * CHUNK, filled(SIZE - 3 * CHUNK, 1));
    assertArrayEquals(before, readAll(image));
    assertEquals(1, stores.pins.size());
    engine.destroy(id);
    assertTrue(target.closed);
  }

  @Test
  void aStoreOnADeviceOfTheSnapshotIsRefusedHereToo() throws Exception {
    takeOne(0);
    UUID id = engine.list().get(0).id();
    MemoryStore own = nextStore();
    own.identities = List.of(disk.originIdentity());
    assertEquals(Errno.EINVAL, errnoOf(() -> engine.addStore(id, MORE)));
    assertEquals(Errno.EINVAL, errnoOf(() -> engine.moveStores(id, MORE, (d, t) -> true)));
    StoreRequest negative = new StoreRequest("memory", "", -1);
    assertEquals(Errno.EINVAL, errnoOf(() -> engine.addStore(id, negative)));
    UUID unknown = new UUID(9, 9);
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.addStore(unknown, MORE)));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.moveStores(unknown, MORE, (d, t) -> true)));
    assertTrue(own.closed);
    assertEquals(1, engine.info(id).stores().size());
  }

  @Test
  void aSnapshotDestroyedInTheMiddleOfItsMoveEndsIt() throws Exception {
    takeOne(0);
    UUID id = engine.list().get(0).id();
    disk.write(0, filled(SIZE, 1));
    MemoryStore old = stores.next;
    MemoryStore target = nextStore();
    Errno ended =
        errnoOf(
            () ->
                engine.moveStores(
                    id,
                    MORE,
                    (done, total) -> {
                      assertFalse(old.closed);
                      destroy(id);
                      return true;
                    }));
    assertEquals(Errno.ESRCH, ended);
    assertTrue(old.closed && target.closed);
    assertEquals(List.of(), stores.pins);
  }

  private void destroy(UUID id) {
    if (!engine.list().isEmpty()) {
      try {
        engine.destroy(id);
      } catch (ErrnoException e) {
        throw new AssertionError(e);
      }
    }
  }

  @Test
  void aProviderIsNotReplacedWhileItsStoreIsMoved() throws Exception {
    takeOne(0);
    UUID id = engine.list().get(0).id();
    disk.write(0, filled(SIZE, 1));
    nextStore();
    engine.moveStores(
        id,
        MORE,
        (done, total) -> {
          if (done < total) {
            assertEquals(
                Errno.EBUSY, errnoOf(() -> engine.storeSwap().suspend(1, Duration.ofSeconds(1))));
          }
          return true;
        });
    engine.storeSwap().suspend(1, Duration.ofSeconds(1)).resume(Duration.ofSeconds(1));
    assertEquals(0, engine.info(id).devices().get(0).errorCode());
  }

  /** Takes a snapshot of its own store. */
  private BlockDevice take(String name, MemoryStore store) throws ErrnoException {
    stores.next = store;
    engine.take(engine.create(new SnapshotRequest(List.of("disk"), "memory", "", 0, CHUNK, name)));
    return published.get("disk@" + name);
  }

  @Test
  void whatTheNewestCanNotStoreIsInheritedByTheNextOlder() throws Exception {
    batchBytes = 4 * CHUNK;
    engineOnOneDisk();
    BlockDevice oldest = take("oldest", new MemoryStore(0, Long.MAX_VALUE));
    BlockDevice older = take("older", new MemoryStore(0, Long.MAX_VALUE));
    disk.write(CHUNK, filled(CHUNK, 1));
    byte[] atNewest = disk.bytes.clone();
    MemoryStore bad = new MemoryStore(0, Long.MAX_VALUE);
    BlockDevice newest = take("newest", bad);
    disk.write(0, filled(CHUNK, 2));
    assertArrayEquals(atNewest, readAll(newest), "on its way to the store");
    bad.failWrite = Errno.EIO;
    disk.write(CHUNK, filled(9 * CHUNK, 3));
    assertArrayEquals(filled(9 * CHUNK, 3), read(disk, CHUNK, 9 * CHUNK));
    assertEquals(Errno.EIO, errnoOf(() -> readAll(newest)));
    assertArrayEquals(before, readAll(older));
    assertArrayEquals(before, readAll(oldest));
    assertEquals(0, engine.list().get(1).devices().get(0).errorCode());
    assertEquals(0, engine.list().get(0).devices().get(0).errorCode());
  }

  @Test
  void heirsThatFailTooAreLost_andTheOldestStillInherits() throws Exception {
    BlockDevice oldest = take("oldest", new MemoryStore(0, Long.MAX_VALUE));
    MemoryStore bad = new MemoryStore(0, Long.MAX_VALUE);
    BlockDevice older = take("older", bad);
    MemoryStore worse = new MemoryStore(0, Long.MAX_VALUE);
    BlockDevice newest = take("newest", worse);
    bad.failWrite = Errno.ENOSPC;
    worse.failWrite = Errno.EIO;
    disk.write(2 * CHUNK, filled(CHUNK, 1));
    assertEquals(Errno.EIO, errnoOf(() -> readAll(newest)));
    assertEquals(Errno.EIO, errnoOf(() -> readAll(older)));
    assertArrayEquals(before, readAll(oldest));
    assertEquals(
        List.of(0, -Errno.ENOSPC.number(), -Errno.EIO.number()),
        engine.list().stream().map(info -> info.devices().get(0).errorCode()).toList());
  }

  @Test
  void theImpliedLimitIsForTheChunksOfTheTake() throws Exception {
    nextStore();
    UUID id = engine.create(new SnapshotRequest(List.of("disk"), "memory", "", 0, 0, "late"));
    nextStore();
    UUID coarse =
        engine.create(new SnapshotRequest(List.of("disk"), "memory", "", 0, 4 * CHUNK, "coarse"));
    engine.take(coarse); // meanwhile; all snapshots of a device have one chunk
    engine.take(id);
    BlockDevice image = published.get("disk@late");
    disk.write(0, filled(SIZE, 1));
    for (int offset = 0; offset < SIZE; offset += 4 * CHUNK) { // and as much again for the image
      image.submit(new Bio().write(offset, ByteBuffer.wrap(filled(1, 2)), 0));
    }
    assertEquals(0, engine.info(id).devices().get(0).errorCode());
  }

  @Test
  void aStoreIsNoIdentityOfAnotherDisk() throws Exception {
    MemoryStore elsewhere = nextStore();
    elsewhere.identities = List.of(new StorageIdentity(false, 77, 77));
    takeOne(0);
    engine.addStore(engine.list().get(0).id(), MORE);
  }
}
