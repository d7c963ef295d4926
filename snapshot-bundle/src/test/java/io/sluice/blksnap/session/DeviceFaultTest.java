package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.AttachRequest;
import io.sluice.snapshot.CbtInfo;
import io.sluice.snapshot.ChangeTracking;
import io.sluice.snapshot.SnapshotEvent;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The filter put aside, the device lost, and faults of our own on the way of a write. */
class DeviceFaultTest extends EngineFixture {
  private void assertLost(BlockDevice image, Errno errno) throws ErrnoException {
    assertEquals(Errno.EIO, errnoOf(() -> readAll(image)));
    UUID id = engine.list().get(0).id();
    assertEquals(-errno.number(), engine.info(id).devices().get(0).errorCode());
    SnapshotEvent event = engine.waitEvent(id, NO_WAIT).orElseThrow();
    assertEquals(SnapshotEvent.Code.CORRUPTED, event.code());
    assertEquals(errno.number(), event.errno());
    assertEquals("disk", event.device());
    assertTrue(engine.waitEvent(id, NO_WAIT).isEmpty(), "once");
  }

  @Test
  void aFilterPutAsideGivesItsImageAndItsGenerationUp() throws Exception {
    BlockDevice image = takeOne(0);
    CbtInfo before = engine.info("disk");
    disk.filter.quarantined("it threw");
    assertLost(image, Errno.EFAULT);
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.info("disk")));
    assertEquals(Errno.ESRCH, errnoOf(() -> engine.changedSince("disk", before.generationId(), 0)));
    registry.detach("disk", ChangeTracking.FILTER_NAME); // nothing is left to protect
    registry.attach(AttachRequest.of("disk", ChangeTracking.FILTER_NAME));
    assertNotEquals(before.generationId(), engine.info("disk").generationId());
    engine.destroy(engine.list().get(0).id());
    takeOne(0);
  }

  @Test
  void aLostDeviceEndsItsImage_andATakeOfItIsRefused() throws Exception {
    BlockDevice image = takeOne(0);
    disk.filter.deviceLost("its file was deleted");
    assertLost(image, Errno.ENODEV);
    engine.destroy(engine.list().get(0).id());
    assertEquals(Errno.ESRCH, errnoOf(() -> create(0, "disk")));
    assertEquals(0, engine.list().size());
  }

  @Test
  void aDevicePutAsideBeforeTheTake_isNotTaken() throws Exception {
    UUID id = create(0, "disk");
    disk.filter.quarantined("it hung");
    assertEquals(Errno.ENODEV, errnoOf(() -> engine.take(id)));
  }

  @Test
  void whateverIsThrownWhileAWriteIsPrepared_theWritePasses() throws Exception {
    UUID first = create(0, "disk");
    engine.take(first);
    CbtInfo before = engine.info("disk");
    BlockDevice image = published.get("disk@snap");
    // A bio whose first look at its range has no memory, as far as the filter can tell.
    disk.failStatus = new OutOfMemoryError("told to fail");
    disk.live(new Bio().discard(0, CHUNK, 0));
    disk.failStatus = null;
    assertArrayEquals(filled(CHUNK, 0), read(disk, 0, CHUNK));
    assertLost(image, Errno.ENOMEM);
    assertEquals(before, engine.info("disk"), "the write was marked: the generation goes on");
  }

  @Test
  void aWriteThatMayBeUnmarkedEndsTheGenerationAtTheNextTake() throws Exception {
    UUID id = create(0, "disk");
    engine.take(id);
    CbtInfo before = engine.info("disk");
    TrackedDevice filter = (TrackedDevice) disk.filter;
    filter.tracker().gap();
    disk.live(new Bio().write(CHUNK, ByteBuffer.wrap(filled(4, 1)), 0));
    assertEquals(before, engine.info("disk"), "of the held map nothing is missing");
    engine.destroy(id);
    engine.take(create(0, "disk"));
    CbtInfo now = engine.info("disk");
    assertNotEquals(before.generationId(), now.generationId());
    assertEquals(1, now.changesNumber());
    assertEquals(
        Errno.ENODATA, errnoOf(() -> engine.changedSince("disk", before.generationId(), 1)));
    assertEquals(
        (SIZE + 511) / 512,
        engine.changedSince("disk", now.generationId(), 0).stream()
            .mapToLong(range -> range.sectorCount())
            .sum(),
        "nobody knows what changed: all");
  }
}
