package org.example.heapstore;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class HeapDiffStoreTest {
  private static final long MIB = 1 << 20;
  private static final int SEED = 20261121;

  private final HeapDiffStoreProvider provider = new HeapDiffStoreProvider(4 * MIB);

  private static void refused(Errno errno, String word, Executable step) {
    ErrnoException e = assertThrows(ErrnoException.class, step);
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.getMessage().contains(word), e.getMessage());
  }

  @Test
  void readsWhatWasWrittenAcrossSegments() throws ErrnoException {
    byte[] model = new byte[3 * HeapDiffStore.SEGMENT_SIZE_BYTES + 512];
    Random random = new Random(SEED);
    try (DiffStore store = provider.open("heap", "1M")) {
      store.grow(HeapDiffStore.SEGMENT_SIZE_BYTES + 1);
      store.grow(model.length);
      for (int i = 0; i < 500; i++) {
        int from = random.nextInt(model.length);
        byte[] bytes = new byte[random.nextInt(model.length - from)];
        random.nextBytes(bytes);
        store.write(from, ByteBuffer.wrap(bytes));
        System.arraycopy(bytes, 0, model, from, bytes.length);
      }
      ByteBuffer read = ByteBuffer.allocateDirect(model.length);
      store.read(0, read);
      assertEquals(ByteBuffer.wrap(model), read.flip(), "seed " + SEED);
    }
  }

  @Test
  void keepsToItsBounds() throws ErrnoException {
    try (DiffStore store = provider.open("heap", "1M")) {
      refused(Errno.ENOSPC, "ends at 1048576", () -> store.grow(MIB + 1));
      assertEquals(0, store.capacityBytes());
      store.grow(MIB);
      refused(Errno.EINVAL, "1048576", () -> store.grow(1));
      refused(Errno.EINVAL, "outside", () -> store.read(MIB - 1, ByteBuffer.allocate(2)));
      refused(Errno.EINVAL, "outside", () -> store.write(-1, ByteBuffer.allocate(1)));
      store.write(MIB - 1, ByteBuffer.allocate(1));
    }
  }

  @Test
  void allStoresShareOneLimit() throws ErrnoException {
    DiffStore first = provider.open("heap", "3M");
    first.grow(3 * MIB);
    try (DiffStore second = provider.open("heap", "3M")) {
      second.grow(MIB);
      refused(Errno.ENOSPC, "0 are left", () -> second.grow(2 * MIB));
      assertEquals(MIB, second.capacityBytes());
      first.close();
      first.close();
      second.grow(3 * MIB);
      refused(Errno.EINVAL, "outside", () -> first.read(0, ByteBuffer.allocate(1)));
    }
    try (DiffStore third = provider.open("heap", "4M")) {
      third.grow(4 * MIB);
    }
  }

  @Test
  void refusesOtherArguments() {
    for (String argument : List.of("", "0", "5M", "much", "-1", "/tmp", "9999999999T")) {
      refused(Errno.EINVAL, "heap:" + argument, () -> provider.open("heap", argument));
    }
    refused(Errno.EINVAL, "only heap", () -> provider.open("file", "1M"));
  }

  @Test
  void isNotHandedOver() throws ErrnoException {
    try (DiffStore store = provider.open("heap", "1M")) {
      store.grow(MIB);
      refused(Errno.ENOTSUP, "heap of at most", store::handOver);
      assertEquals(MIB, store.capacityBytes());
    }
  }
}
