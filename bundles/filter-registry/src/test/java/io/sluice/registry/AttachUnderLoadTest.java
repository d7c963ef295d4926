package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.ErrnoException;
import io.sluice.filter.DeviceStats;
import io.sluice.filter.Filter;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Filters come and go under writers. Each filter stores data masked, and masks or unmasks the whole
 * device when it comes or goes, all through its lower device: so one bio that passes one filter too
 * few or too many, or slips into a frozen device, reads back wrong.
 */
@Timeout(300)
final class AttachUnderLoadTest {
  private static final int SIZE_BYTES = 16 * 1024;
  private static final int WRITER_COUNT = 3;
  private static final int BIO_BYTES = 1024;
  private static final int CYCLE_COUNT = 250;
  private static final long SEED = 20261121;

  /** Stores each byte as its exclusive or with a mask. */
  private static final class Masking implements Filter {
    private final BlockDevice lower;
    private final byte mask;

    Masking(BlockDevice lower, int mask) throws ErrnoException {
      this.lower = lower;
      this.mask = (byte) mask;
      maskAll();
    }

    private void maskAll() throws ErrnoException {
      for (int offset = 0; offset < SIZE_BYTES; offset += BIO_BYTES) {
        ByteBuffer data = ByteBuffer.allocate(BIO_BYTES);
        lower.submit(new Bio().read(offset, data));
        lower.submit(new Bio().write(offset, masked(data.flip()), 0));
      }
    }

    private ByteBuffer masked(ByteBuffer data) {
      ByteBuffer result = ByteBuffer.allocate(data.remaining());
      for (int i = 0; i < result.capacity(); i++) {
        result.put(i, (byte) (data.get(data.position() + i) ^ mask));
      }
      return result;
    }

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      switch (bio.op()) {
        case READ -> {
          ByteBuffer stored = ByteBuffer.allocate(bio.data().remaining());
          next.submit(new Bio().read(bio.offsetBytes(), stored));
          bio.data().put(masked(stored.flip()));
        }
        case WRITE -> next.submit(new Bio().write(bio.offsetBytes(), masked(bio.data()), 0));
        default -> next.submit(bio);
      }
    }

    @Override
    public void detach() {
      try {
        maskAll();
      } catch (ErrnoException e) {
        throw new AssertionError(e);
      }
    }
  }

  private final AtomicBoolean stop = new AtomicBoolean();
  private final AtomicLong bioCount = new AtomicLong();

  /** Writes to its own part of the device what it then expects to read. */
  private void writeAndCheck(BlockDevice disk, int writer) throws ErrnoException {
    Random random = new Random(SEED + writer);
    int partBytes = SIZE_BYTES / (WRITER_COUNT + 1) / BIO_BYTES * BIO_BYTES;
    byte[] model = new byte[partBytes];
    Bio bio = new Bio();
    for (long round = 0; !stop.get(); round++) {
      int at = random.nextInt(partBytes / BIO_BYTES) * BIO_BYTES;
      byte[] piece = new byte[BIO_BYTES];
      random.nextBytes(piece);
      System.arraycopy(piece, 0, model, at, BIO_BYTES);
      disk.submit(bio.write((long) writer * partBytes + at, ByteBuffer.wrap(piece), 0));
      byte[] all = new byte[partBytes];
      disk.submit(bio.read((long) writer * partBytes, ByteBuffer.wrap(all)));
      assertArrayEquals(model, all, "writer " + writer + " round " + round + " seed " + SEED);
      bioCount.addAndGet(2);
    }
  }

  @Test
  void noBioIsLostFailedOrHalfFiltered() throws Exception {
    Fixture fixture = new Fixture(Duration.ofSeconds(60));
    fixture.originSizeBytes = SIZE_BYTES;
    BlockDevice disk = fixture.add("disk");
    int[] masks = {0x0f, 0x35, 0xc6};
    for (int i = 0; i < masks.length; i++) {
      int mask = masks[i];
      fixture.registerMaking(
          "mask" + i, i, ALL_OPS, (host, options) -> new Masking(host.lower(), mask));
    }
    List<Worker> writers = new ArrayList<>();
    for (int i = 0; i < WRITER_COUNT; i++) {
      int writer = i;
      writers.add(Worker.start("writer " + i, () -> writeAndCheck(disk, writer)));
    }
    Random random = new Random(SEED);
    boolean[] attached = new boolean[masks.length];
    for (int cycle = 0; cycle < CYCLE_COUNT; cycle++) {
      int i = random.nextInt(masks.length);
      if (attached[i]) {
        fixture.registry.detach("disk", "mask" + i);
      } else {
        fixture.attach("disk", "mask" + i);
      }
      attached[i] = !attached[i];
    }
    stop.set(true);
    for (Worker writer : writers) {
      writer.join();
    }
    for (int i = 0; i < masks.length; i++) {
      if (attached[i]) {
        fixture.registry.detach("disk", "mask" + i);
      }
    }
    DeviceStats stats = fixture.devices.stats("disk");
    assertEquals(bioCount.get(), stats.readCount() + stats.writeCount());
    assertEquals(0, stats.errorCount());
    assertEquals(0, stats.inFlightCount());
    assertTrue(stats.freezeCount() >= CYCLE_COUNT, stats.toString());
  }
}
