package io.sluice.itests.cut;

import static io.sluice.itests.InFramework.BLOCK_SIZE_BYTES;
import static io.sluice.itests.InFramework.write;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Threads that write rounds: a block with the round's number to the first device, when that is
 * acknowledged to the next, and so on. Each writer has slots of its own, which it fills in turn.
 */
final class OrderedWriters {
  static final int COUNT = 3;
  static final int SLOT_COUNT = 8;
  private static final long WAIT_LIMIT_MILLIS = 120_000;

  private final List<BlockDevice> devices;
  private final AtomicBoolean stop = new AtomicBoolean();
  private final AtomicLong[] roundCounts = new AtomicLong[COUNT];
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final List<Thread> threads = new ArrayList<>();

  private OrderedWriters(List<BlockDevice> devices) {
    this.devices = devices;
    Arrays.setAll(roundCounts, i -> new AtomicLong());
  }

  static OrderedWriters start(List<BlockDevice> devices) {
    OrderedWriters writers = new OrderedWriters(devices);
    for (int i = 0; i < COUNT; i++) {
      int writer = i;
      Thread thread = new Thread(() -> writers.run(writer), "ordered writer " + i);
      thread.setDaemon(true);
      writers.threads.add(thread);
      thread.start();
    }
    return writers;
  }

  /** Where a writer's slot lies, on every device. */
  static long offsetBytes(int writer, int slot) {
    return (long) (writer * SLOT_COUNT + slot) * BLOCK_SIZE_BYTES;
  }

  private void run(int writer) {
    byte[] block = new byte[BLOCK_SIZE_BYTES];
    try {
      for (long round = 1; !stop.get(); round++) {
        ByteBuffer.wrap(block).putLong(0, round).putLong(BLOCK_SIZE_BYTES - Long.BYTES, round);
        for (BlockDevice device : devices) {
          write(device, offsetBytes(writer, (int) (round % SLOT_COUNT)), block);
        }
        roundCounts[writer].set(round);
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  /** Waits until each writer has written some rounds more. */
  void awaitRounds(int count) {
    long endNanos = System.nanoTime() + WAIT_LIMIT_MILLIS * 1_000_000;
    for (AtomicLong rounds : roundCounts) {
      long wanted = rounds.get() + count;
      while (rounds.get() < wanted && failure.get() == null) {
        assertTrue(System.nanoTime() < endNanos, "the writers stand still");
        Thread.onSpinWait();
      }
    }
  }

  /** Stops them and throws what one of them met. */
  void stop() throws InterruptedException {
    stop.set(true);
    for (Thread thread : threads) {
      thread.join(WAIT_LIMIT_MILLIS);
      assertFalse(thread.isAlive(), thread.getName() + " hangs");
    }
    if (failure.get() != null) {
      throw new AssertionError("a writer failed", failure.get());
    }
  }
}
