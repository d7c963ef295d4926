package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SteadyChannelTest {
  private static final int SIZE_BYTES = 1 << 20;

  @TempDir Path directory;
  private Path file;
  private ControlDescriptor control;
  private SteadyChannel channel;

  @BeforeEach
  void open() throws IOException {
    file = Files.write(directory.resolve("f"), new byte[SIZE_BYTES]);
    control = ControlDescriptor.open(file, true, false);
    channel = new SteadyChannel(control, file.toString(), true, 0);
  }

  @AfterEach
  void close() throws IOException {
    Thread.interrupted();
    channel.close();
    control.close();
  }

  private static ByteBuffer filled(ByteBuffer buffer, int seed) {
    byte[] bytes = new byte[buffer.capacity()];
    new Random(seed).nextBytes(bytes);
    return buffer.put(bytes).flip();
  }

  @Test
  void readsAndWritesWholeBuffersOfEitherKind() throws IOException {
    ByteBuffer heap = filled(ByteBuffer.allocate(3 * SteadyChannel.HEAP_PIECE_BYTES + 1), 1);
    channel.writeFully(7, heap);
    assertFalse(heap.hasRemaining());
    ByteBuffer direct = ByteBuffer.allocateDirect(heap.capacity());
    channel.readFully(7, direct);
    assertEquals(heap.flip(), direct.flip());
    ByteBuffer back = ByteBuffer.allocate(heap.capacity() + 2).position(1);
    channel.readFully(7, back.limit(heap.capacity() + 1));
    assertEquals(heap, back.position(1));
  }

  @Test
  void interruptFlagThatIsUpNeitherClosesNorIsLost() throws IOException {
    ByteBuffer data = filled(ByteBuffer.allocateDirect(4096), 2);
    Thread.currentThread().interrupt();
    channel.writeFully(0, data);
    ByteBuffer back = ByteBuffer.allocateDirect(4096);
    channel.readFully(0, back);
    assertTrue(Thread.interrupted(), "the flag is for whoever looks at it later");
    assertEquals(data.flip(), back.flip());
  }

  @Test
  void interruptsInTheMiddleOfTransfersLoseNothing() throws Exception {
    int threadCount = 4;
    int writeCount = 60;
    int sliceBytes = SIZE_BYTES / threadCount;
    ExecutorService workers = Executors.newFixedThreadPool(threadCount);
    List<Thread> threads = new ArrayList<>();
    AtomicBoolean done = new AtomicBoolean();
    List<Future<Boolean>> results = new ArrayList<>();
    for (int i = 0; i < threadCount; i++) {
      long sliceAt = (long) i * sliceBytes;
      int seed = i;
      Callable<Boolean> work =
          () -> {
            synchronized (threads) {
              threads.add(Thread.currentThread());
            }
            ByteBuffer back = ByteBuffer.allocateDirect(sliceBytes);
            for (int n = 0; n < writeCount; n++) {
              ByteBuffer data = filled(ByteBuffer.allocateDirect(sliceBytes), seed * 1000 + n);
              channel.writeFully(sliceAt, data);
              channel.readFully(sliceAt, back.clear());
              assertEquals(data.flip(), back.flip(), "slice " + seed + ", write " + n);
            }
            return true;
          };
      results.add(workers.submit(work));
    }
    Thread interrupter =
        new Thread(
            () -> {
              while (!done.get()) {
                synchronized (threads) {
                  threads.forEach(Thread::interrupt);
                }
                Thread.onSpinWait();
              }
            });
    interrupter.start();
    try {
      for (Future<Boolean> result : results) {
        assertTrue(result.get(120, TimeUnit.SECONDS));
      }
    } finally {
      done.set(true);
      interrupter.join();
      workers.shutdownNow();
      assertTrue(workers.awaitTermination(60, TimeUnit.SECONDS));
    }
  }

  @Test
  void readPastTheEndSaysThatTheFileWasTruncated() throws IOException {
    control.truncate(5000);
    ByteBuffer data = ByteBuffer.allocateDirect(4096);
    channel.readFully(0, data);
    ErrnoException e =
        assertThrows(ErrnoException.class, () -> channel.readFully(4096, data.clear()));
    assertEquals(Errno.EIO, e.errno());
    assertEquals(
        "read of 4096 bytes at 4096 of "
            + file
            + ": the file ends before that, at 5000 bytes; it was truncated underneath",
        e.text());
  }

  @Test
  void transfersAfterCloseAreRefused() throws IOException {
    channel.close();
    channel.close();
    ByteBuffer data = ByteBuffer.allocateDirect(1);
    ErrnoException e = assertThrows(ErrnoException.class, () -> channel.readFully(0, data));
    assertEquals(Errno.ESHUTDOWN, e.errno());
  }

  @Test
  void directIoBypassesTheCacheInWholeBlocks() throws IOException {
    int block = (int) Files.getFileStore(file).getBlockSize();
    try (SteadyChannel direct = new SteadyChannel(control, "direct", true, block)) {
      ByteBuffer data = ByteBuffer.allocateDirect(5 * block).alignedSlice(block).limit(4 * block);
      data.put(0, (byte) 9);
      direct.writeFully(block, data);
      ByteBuffer back = ByteBuffer.allocateDirect(1);
      channel.readFully(block, back);
      assertEquals(9, back.get(0));
      direct.readFully(block, data.clear().limit(block));
      assertEquals(9, data.get(0));
    }
  }
}
