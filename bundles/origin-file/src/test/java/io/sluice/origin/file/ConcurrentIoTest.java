package io.sluice.origin.file;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.OriginOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads with a slice of the file each, all operations mixed, against a model in memory; each one
 * interrupted time and again. A failure names its thread, whose seed replays its operations.
 */
class ConcurrentIoTest {
  private static final int THREAD_COUNT = 4;
  private static final int BLOCK_BYTES = 4096;
  private static final int SLICE_BLOCKS = 64;
  private static final int OPERATION_COUNT = 400;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void slicesHoldWhatTheirThreadsPutThere(boolean direct) throws Exception {
    byte[] content = new byte[THREAD_COUNT * SLICE_BLOCKS * BLOCK_BYTES];
    Path file = Files.write(directory.resolve("disk"), content);
    var workers = Executors.newFixedThreadPool(THREAD_COUNT);
    try (OriginFixture f =
        new OriginFixture(file, new OriginOptions(false, direct, direct ? 0 : BLOCK_BYTES))) {
      List<Future<byte[]>> slices = new ArrayList<>();
      for (int i = 0; i < THREAD_COUNT; i++) {
        int thread = i;
        slices.add(workers.submit(() -> work(f, thread)));
      }
      for (int i = 0; i < THREAD_COUNT; i++) {
        byte[] slice = slices.get(i).get(120, TimeUnit.SECONDS);
        System.arraycopy(slice, 0, content, i * slice.length, slice.length);
      }
      assertArrayEquals(content, f.read(0, content.length));
    } finally {
      workers.shutdownNow();
      assertTrue(workers.awaitTermination(60, TimeUnit.SECONDS));
    }
    assertArrayEquals(content, Files.readAllBytes(file));
  }

  private static byte[] work(OriginFixture f, int thread) throws IOException {
    byte[] model = new byte[SLICE_BLOCKS * BLOCK_BYTES];
    long sliceAt = (long) thread * model.length;
    Random random = new Random(thread);
    ByteBuffer buffer = ByteBuffer.allocateDirect(model.length);
    Bio bio = new Bio();
    for (int n = 0; n < OPERATION_COUNT; n++) {
      int at = random.nextInt(SLICE_BLOCKS) * BLOCK_BYTES;
      int length = (1 + random.nextInt(SLICE_BLOCKS - at / BLOCK_BYTES)) * BLOCK_BYTES;
      if (random.nextInt(10) == 0) {
        Thread.currentThread().interrupt();
      }
      switch (random.nextInt(4)) {
        case 0 -> {
          byte[] data = new byte[length];
          random.nextBytes(data);
          System.arraycopy(data, 0, model, at, length);
          f.origin.submit(bio.write(sliceAt + at, buffer.clear().put(data).flip(), 0));
        }
        case 1 -> {
          Arrays.fill(model, at, at + length, (byte) 0);
          f.origin.submit(
              bio.writeZeroes(sliceAt + at, length, random.nextBoolean() ? Bio.NO_UNMAP : 0));
        }
        case 2 -> f.origin.submit(bio.flush());
        default -> {
          f.origin.submit(bio.read(sliceAt + at, buffer.clear().limit(length)));
          byte[] back = new byte[length];
          buffer.flip().get(back);
          assertArrayEquals(
              Arrays.copyOfRange(model, at, at + length),
              back,
              "thread (and seed) " + thread + ", operation " + n + ", " + bio);
        }
      }
    }
    return model;
  }
}
