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
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Filters come and go under writers. Each filter stores data encoded, and encodes or decodes the
 * whole device when it comes or goes, all through its lower device: so one bio that passes one
 * filter too few or too many, or slips into a frozen device, reads back wrong.
 */
@Timeout(300)
final class AttachUnderLoadTest {
  private static final int SIZE_BYTES = 16 * 1024;
  private static final int WRITER_COUNT = 3;
  private static final int BIO_BYTES = 1024;
  private static final int CYCLE_COUNT = 250;
  private static final long SEED = 20261121;

  /**
   * Stores a byte as a multiple of it plus a constant, modulo 256. No two of these commute, so that
   * to pass the right filters in the wrong order shows as well.
   */
  private static final class Coding implements Filter {
    private final BlockDevice lower;
    private final int factor;
    private final int inverse;

    Coding(BlockDevice lower, int factor) throws ErrnoException {
      this.lower = lower;
      this.factor = factor;
      this.inverse = BigInteger.valueOf(factor).modInverse(BigInteger.valueOf(256)).intValue();
      recodeAll(true);
    }

    private void recodeAll(boolean encode) throws ErrnoException {
      for (int offset = 0; offset < SIZE_BYTES; offset += BIO_BYTES) {
        ByteBuffer data = ByteBuffer.allocate(BIO_BYTES);
        lower.submit(new Bio().read(offset, data));
        ByteBuffer recoded = encode ? encoded(data.flip()) : decoded(data.flip());
        lower.submit(new Bio().write(offset, recoded, 0));
      }
    }

    private ByteBuffer encoded(ByteBuffer data) {
      return map(data, value -> value * factor + factor);
    }

    private ByteBuffer decoded(ByteBuffer data) {
      return map(data, value -> (value - factor) * inverse);
    }

    private static ByteBuffer map(ByteBuffer data, IntUnaryOperator code) {
      ByteBuffer result = ByteBuffer.allocate(data.remaining());
      for (int i = 0; i < result.capacity(); i++) {
        result.put(i, (byte) code.applyAsInt(data.get(data.position() + i)));
      }
      return result;
    }

    @Override
    public void submit(Bio bio, BlockDevice next) throws ErrnoException {
      switch (bio.op()) {
        case READ -> {
          ByteBuffer stored = ByteBuffer.allocate(bio.data().remaining());
          next.submit(new Bio().read(bio.offsetBytes(), stored));
          bio.data().put(decoded(stored.flip()));
        }
        case WRITE -> next.submit(new Bio().write(bio.offsetBytes(), encoded(bio.data()), 0));
        default -> next.submit(bio);
      }
    }

    @Override
    public void detach() {
      try {
        recodeAll(false);
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
    int[] factors = {0x0f, 0x35, 0xc7};
    for (int i = 0; i < factors.length; i++) {
      int factor = factors[i];
      fixture.registerMaking(
          "code" + i, i, ALL_OPS, (host, options) -> new Coding(host.lower(), factor));
    }
    List<Worker> writers = new ArrayList<>();
    for (int i = 0; i < WRITER_COUNT; i++) {
      int writer = i;
      writers.add(Worker.start("writer " + i, () -> writeAndCheck(disk, writer)));
    }
    Random random = new Random(SEED);
    boolean[] attached = new boolean[factors.length];
    for (int cycle = 0; cycle < CYCLE_COUNT; cycle++) {
      int i = random.nextInt(factors.length);
      if (attached[i]) {
        fixture.registry.detach("disk", "code" + i);
      } else {
        fixture.attach("disk", "code" + i);
      }
      attached[i] = !attached[i];
    }
    stop.set(true);
    for (Worker writer : writers) {
      writer.join();
    }
    for (int i = 0; i < factors.length; i++) {
      if (attached[i]) {
        fixture.registry.detach("disk", "code" + i);
      }
    }
    DeviceStats stats = fixture.devices.stats("disk");
    assertEquals(bioCount.get(), stats.readCount() + stats.writeCount());
    assertEquals(0, stats.errorCount());
    assertEquals(0, stats.inFlightCount());
    assertTrue(stats.freezeCount() >= CYCLE_COUNT, stats.toString());
  }
}
