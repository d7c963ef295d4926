package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.snapshot.SnapshotEvent;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.swap.ProviderUser.Suspended;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The provider of a store replaced under a held snapshot. */
class StoreSwapTest extends EngineFixture {
  private static final Duration LIMIT = Duration.ofSeconds(1);

  @Test
  void anOpenStorePinsItsProvider_untilTheSnapshotIsDestroyed() throws Exception {
    UUID id = create(0, "disk");
    assertEquals(List.of("store of snapshot snap by 1"), stores.pins);
    engine.destroy(id);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void theSuccessorServesTheImage() throws Exception {
    BlockDevice image = takeOne(0);
    disk.write(0, filled(2 * CHUNK, 1));
    MemoryStore before = stores.next;
    Suspended suspended = engine.storeSwap().suspend(1, LIMIT);
    assertEquals(List.of(), stores.pins, "the old provider is free to go");
    stores.providerId = 2;
    suspended.resume(LIMIT);
    assertNotSame(before, stores.next);
    assertEquals(List.of("store of snapshot snap by 2"), stores.pins);
    disk.write(3 * CHUNK, filled(2 * CHUNK, 1));
    assertArrayEquals(this.before, readAll(image));
    assertSame(Suspended.NOTHING, engine.storeSwap().suspend(1, LIMIT));
    engine.destroy(engine.list().get(0).id());
    assertTrue(stores.next.closed);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void aWriterThatWaitsTooLongBreaksTheSnapshotAndNotTheWrite() throws Exception {
    BlockDevice image = takeOne(0);
    Suspended suspended = engine.storeSwap().suspend(1, LIMIT);
    disk.write(0, filled(CHUNK, 1)); // nothing is waited for in these tests
    assertArrayEquals(filled(CHUNK, 1), read(disk, 0, CHUNK));
    suspended.resume(LIMIT);
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    assertEquals(-Errno.ETIMEDOUT.number(), engine.list().get(0).devices().get(0).errorCode());
  }

  @Test
  void aStoreThatNobodyTakesOverEndsItsImages_andIsLetGo() throws Exception {
    BlockDevice image = takeOne(0);
    disk.write(0, filled(CHUNK, 1));
    MemoryStore store = stores.next;
    Suspended suspended = engine.storeSwap().suspend(1, LIMIT);
    stores.present = false;
    assertEquals(Errno.EIO, errnoOf(() -> suspended.resume(LIMIT)));
    assertTrue(store.closed, "the hand-over is closed");
    UUID id = engine.list().get(0).id();
    assertEquals(SnapshotEvent.Code.CORRUPTED, engine.waitEvent(id, NO_WAIT).orElseThrow().code());
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    disk.write(CHUNK, filled(CHUNK, 2));
    assertArrayEquals(filled(CHUNK, 2), read(disk, CHUNK, CHUNK));
    engine.destroy(id);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void aStoreThatCantBeGivenAwayKeepsItsProvider_andTheOthersGoOn() throws Exception {
    BlockDevice image = takeOne(0);
    registry.new Disk("second", SIZE);
    stores.next = new MemoryStore(0, Long.MAX_VALUE);
    stores.next.givable = false;
    engine.create(new SnapshotRequest(List.of("second"), "memory", "", 0, CHUNK, "two"));
    assertEquals(Errno.EBUSY, errnoOf(() -> engine.storeSwap().suspend(1, LIMIT)));
    assertEquals(2, stores.pins.size());
    disk.write(0, filled(SIZE, 1));
    assertArrayEquals(before, readAll(image));
  }

  @Test
  void aProviderThatNothingCouldKeepTakesItsImagesAlong() throws Exception {
    BlockDevice image = takeOne(0);
    engine.storeSwap().providerGone(7, "another");
    assertArrayEquals(before, readAll(image));
    engine.storeSwap().providerGone(1, "memory");
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    UUID created = engine.list().get(0).id();
    engine.destroy(created);
    assertTrue(stores.next.closed);
  }
}
