package io.sluice.fuse.tree;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.block.ExtentVisitor;
import io.sluice.testing.MemoryDevice;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class BlockCountTest {
  private static final int SIZE_BYTES = 1 << 20;
  private static final long WALK_NANOS = 1000;

  private final AtomicLong nanos = new AtomicLong();
  private final AtomicInteger walkCount = new AtomicInteger();
  private final MemoryDevice device =
      new MemoryDevice(SIZE_BYTES) {
        @Override
        public void status(long offsetBytes, long lengthBytes, ExtentVisitor visitor) {
          walkCount.incrementAndGet();
          nanos.addAndGet(WALK_NANOS);
          super.status(offsetBytes, lengthBytes, visitor);
        }
      };
  private final BlockCount count = new BlockCount(device, nanos::get);

  @Test
  void aWalkIsDoneAgainAfterTwentyTimesWhatItTook() {
    assertEquals(0, count.sectorCount(SIZE_BYTES));
    device.poke(0, new byte[] {1}, 1);
    nanos.addAndGet(20 * WALK_NANOS - 1);
    assertEquals(0, count.sectorCount(SIZE_BYTES), "too early");
    nanos.addAndGet(1);
    assertEquals(8, count.sectorCount(SIZE_BYTES));
    assertEquals(2, walkCount.get());
  }

  @Test
  void aCountThatIsOutdatedIsDoneAgainAtOnce() {
    assertEquals(0, count.sectorCount(SIZE_BYTES));
    device.poke(0, new byte[] {1}, 1);
    count.outdate();
    assertEquals(8, count.sectorCount(SIZE_BYTES));
    assertEquals(8, count.sectorCount(SIZE_BYTES));
    assertEquals(2, walkCount.get());
  }

  @Test
  void anotherSizeIsAnotherCount() {
    device.poke(0, new byte[SIZE_BYTES], SIZE_BYTES);
    assertEquals(SIZE_BYTES / 512, count.sectorCount(SIZE_BYTES));
    assertEquals(SIZE_BYTES / 1024, count.sectorCount(SIZE_BYTES / 2));
  }
}
