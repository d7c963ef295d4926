package io.sluice.itests.swap;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static io.sluice.itests.InFramework.read;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** Threads that write to a device, each to a part of its own, and read back what they wrote. */
final class Writers {
  private static final int COUNT = 3;
  private static final long JOIN_LIMIT_MILLIS = 60_000;

  private final byte[] model;
  private final int partBytes;
  private final long seed;
  private final AtomicBoolean stop = new AtomicBoolean();
  private final AtomicLong writeCount = new AtomicLong();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final List<Thread> threads = new ArrayList<>();

  private Writers(int sizeBytes, long seed) {
    this.model = new byte[sizeBytes];
    this.partBytes = sizeBytes / COUNT / BLOCK_SIZE_BYTES * BLOCK_SIZE_BYTES;
    this.seed = seed;
  }

  /** Starts them on a device of zeroes. */
  static Writers start(BlockDevice device, int sizeBytes, long seed) {
    Writers writers = new Writers(sizeBytes, seed);
    for (int i = 0; i < COUNT; i++) {
      int part = i;
      Thread thread = new Thread(() -> writers.run(device, part), "writer " + i);
      thread.setDaemon(true);
      writers.threads.add(thread);
      thread.start();
    }
    return writers;
  }

  private void run(BlockDevice device, int part) {
    Random random = new Random(seed + part);
    byte[] block = new byte[BLOCK_SIZE_BYTES];
    try {
      while (!stop.get()) {
        int at = part * partBytes + random.nextInt(partBytes / BLOCK_SIZE_BYTES) * BLOCK_SIZE_BYTES;
        random.nextBytes(block);
        write(device, at, block);
        System.arraycopy(block, 0, model, at, block.length);
        writeCount.incrementAndGet();
        assertArrayEquals(block, read(device, at), "at " + at + ", seed " + seed);
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  /** Waits until some more has been written. */
  void awaitMore(long count) {
    long wanted = writeCount.get() + count;
    long endNanos = System.nanoTime() + JOIN_LIMIT_MILLIS * 1_000_000;
    while (writeCount.get() < wanted && failure.get() == null) {
      assertTrue(System.nanoTime() < endNanos, "the writers stand still");
      Thread.onSpinWait();
    }
  }

  /** Stops them and throws what one of them met. */
  long stop() throws Exception {
    stop.set(true);
    for (Thread thread : threads) {
      thread.join(JOIN_LIMIT_MILLIS);
      assertFalse(thread.isAlive(), thread.getName() + " hangs");
    }
    if (failure.get() != null) {
      throw new AssertionError("a writer failed, seed " + seed, failure.get());
    }
    return writeCount.get();
  }

  /** What the device holds; only once they have stopped. */
  byte[] model() {
    return model;
  }
}
