package io.sluice.blksnap.session;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.sluice.block.BlockDevice;
import io.sluice.snapshot.SnapshotRequest;
import io.sluice.tck.BlockDeviceTck;
import java.util.List;
import java.util.Random;

/** The rules for block devices, on an image; and the origin does not change by what it is told. */
class ImageTckTest extends BlockDeviceTck {
  private static final int SIZE = 40 * EngineFixture.CHUNK + 1000; // a short last chunk

  private final EngineFixture fixture = new EngineFixture() {};
  private MemoryRegistry.Disk disk;
  private byte[] before;

  @Override
  protected BlockDevice openDevice() throws Exception {
    fixture.engineOnOneDisk();
    disk = fixture.registry.new Disk("large", SIZE);
    new Random(7).nextBytes(disk.bytes);
    before = disk.bytes.clone();
    SnapshotRequest request =
        new SnapshotRequest(List.of("large"), "memory", "", 0, EngineFixture.CHUNK, "snap");
    fixture.engine.take(fixture.engine.create(request));
    return fixture.published.get("large@snap");
  }

  @Override
  protected void closeDevice(BlockDevice device) {
    assertArrayEquals(before, disk.bytes, "the origin");
  }
}
