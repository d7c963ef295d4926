package io.sluice.fuse.session;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceRole;
import io.sluice.block.ErrnoException;
import io.sluice.fuse.Kernel;
import io.sluice.testing.MemoryDevice;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A write of a part of a block keeps writes of others out while it has read and not yet written.
 */
@Timeout(60)
class PartialWritesTest {
  private static final int BLOCK_BYTES = 4096;
  private static final int O_RDWR = 2;

  /** Stops the first read of a block to be changed until another write has had its chance. */
  private static final class Paused extends MemoryDevice {
    final CountDownLatch reading = new CountDownLatch(1);
    final CountDownLatch goOn = new CountDownLatch(1);

    Paused() {
      super(1 << 16, BLOCK_BYTES, false);
    }

    @Override
    public void submit(Bio bio) throws ErrnoException {
      super.submit(bio);
      if (bio.op() == BioOp.READ && reading.getCount() > 0) {
        reading.countDown();
        try {
          goOn.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }
  }

  @Test
  void aWholeBlockIsNotLostToAPartialWrite() throws Exception {
    race(new byte[BLOCK_BYTES], 0);
  }

  @Test
  void twoPartsOfABlockAreBothKept() throws Exception {
    race(new byte[100], 2000);
  }

  private void race(byte[] second, int secondAt) throws Exception {
    java.util.Arrays.fill(second, (byte) 2);
    Paused device = new Paused();
    Answers first = new Answers(device, DeviceRole.LIVE, false);
    Answers other = first.beside();
    long handle = first.open(O_RDWR);
    byte[] partial = Kernel.write(handle, 10, new byte[] {1}, 0);
    byte[] beside = Kernel.write(handle, secondAt, second, 0);
    Thread writer = new Thread(() -> first.askUnchecked(partial));
    writer.start();
    device.reading.await();
    Thread rival = new Thread(() -> other.askUnchecked(beside));
    rival.start();
    // It is either done, which would be wrong, or waits for the first.
    while (rival.getState() != Thread.State.WAITING && rival.isAlive()) {
      Thread.onSpinWait();
    }
    device.goOn.countDown();
    writer.join();
    rival.join();
    assertEquals(2, device.bytes[secondAt + second.length - 1], "the second write");
    assertEquals(secondAt == 0 ? 2 : 1, device.bytes[10], "where both were, the later counts");
  }
}
