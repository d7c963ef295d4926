package io.sluice.diffstore.tmpfs.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.diffstore.DiffStore;
import io.sluice.swap.HandOver;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class TmpfsDiffStoreTest {
  private static final long MIB = 1 << 20;
  private static final long SEED = 4711;

  private final AtomicLong availableBytes = new AtomicLong(Long.MAX_VALUE);
  private final MemoryBudget budget = new MemoryBudget(8 * MIB, availableBytes::get);
  private final TmpfsDiffStoreProvider provider = new TmpfsDiffStoreProvider(budget);

  private static void refused(Errno errno, String words, Executable step) {
    ErrnoException e = assertThrows(ErrnoException.class, step);
    assertEquals(errno, e.errno(), e.getMessage());
    assertTrue(e.getMessage().contains(words), e.getMessage());
  }

  private static ByteBuffer random(int lengthBytes) {
    byte[] bytes = new byte[lengthBytes];
    new Random(SEED).nextBytes(bytes);
    return ByteBuffer.wrap(bytes);
  }

  private static ByteBuffer read(DiffStore store, long offsetBytes, int lengthBytes)
      throws ErrnoException {
    ByteBuffer data = ByteBuffer.allocateDirect(lengthBytes);
    store.read(offsetBytes, data);
    assertFalse(data.hasRemaining());
    return data.flip();
  }

  @Test
  void holdsWhatWasWritten() throws ErrnoException {
    try (DiffStore store = provider.open("tmpfs", "2M")) {
      assertEquals(0, store.capacityBytes());
      assertEquals(2 * MIB, store.capacityMaxBytes());
      store.grow(MIB);
      store.write(MIB - 8192, random(8192));
      store.grow(2 * MIB);
      store.write(2 * MIB - 512, random(512));
      assertEquals(random(8192), read(store, MIB - 8192, 8192), "seed " + SEED);
      assertEquals(random(512), read(store, 2 * MIB - 512, 512), "seed " + SEED);
      refused(Errno.EINVAL, "outside", () -> store.write(2 * MIB - 1, random(2)));
      store.release(MIB - 8192, 8192);
      assertEquals(ByteBuffer.allocate(8192), read(store, MIB - 8192, 8192), "given back");
      store.write(MIB - 8192, random(8192));
      assertEquals(random(8192), read(store, MIB - 8192, 8192), "seed " + SEED);
    }
  }

  @Test
  void isOnNothing() throws ErrnoException {
    try (DiffStore store = provider.open("tmpfs", "1M");
        DiffStore other = provider.open("tmpfs", "1M")) {
      assertEquals(1, store.identities().size());
      assertFalse(store.identities().get(0).block());
      assertFalse(store.identities().equals(other.identities()));
    }
  }

  @Test
  void endsAtItsSize() throws ErrnoException {
    try (DiffStore store = provider.open("tmpfs", "1M")) {
      refused(Errno.ENOSPC, "ends at 1048576", () -> store.grow(MIB + 1));
      store.grow(MIB);
      assertEquals(MIB, store.capacityBytes());
    }
  }

  @Test
  void allStoresShareTheLimit() throws ErrnoException {
    DiffStore first = provider.open("tmpfs", "8M");
    first.grow(6 * MIB);
    try (DiffStore second = provider.open("tmpfs", "8M")) {
      second.grow(2 * MIB);
      refused(
          Errno.ENOSPC,
          "1048576 more are needed, of the limit of 8388608 for all tmpfs stores 0 are left",
          () -> second.grow(3 * MIB));
      assertEquals(2 * MIB, second.capacityBytes());
      first.close();
      first.close();
      second.grow(8 * MIB);
      assertEquals(8 * MIB, budget.reservedBytes());
    }
    assertEquals(0, budget.reservedBytes());
  }

  @Test
  void takesNoMemoryThatIsNotThere() throws ErrnoException {
    try (DiffStore store = provider.open("tmpfs", "8M")) {
      store.grow(MIB);
      availableBytes.set(MIB - 1);
      refused(Errno.ENOSPC, "has 1048575 of memory available", () -> store.grow(2 * MIB));
      assertEquals(MIB, store.capacityBytes());
      assertEquals(MIB, budget.reservedBytes());
      availableBytes.set(MIB);
      store.grow(2 * MIB);
    }
  }

  @Test
  void refusesOtherArguments() {
    for (String argument : List.of("", "0", "9M", "plenty", "-1", "/dev/shm", "99999999999T")) {
      refused(Errno.EINVAL, "store tmpfs:" + argument, () -> provider.open("tmpfs", argument));
    }
    refused(Errno.EINVAL, "only tmpfs", () -> provider.open("file", "1M"));
  }

  @Test
  void isHandedOverWithItsShareOfTheBudget() throws ErrnoException {
    MemoryBudget nextBudget = new MemoryBudget(MIB, () -> 0);
    TmpfsDiffStoreProvider next = new TmpfsDiffStoreProvider(nextBudget);
    DiffStore before = provider.open("tmpfs", "4M");
    before.grow(2 * MIB);
    before.write(4096, random(4096));
    HandOver handOver = before.handOver();
    assertEquals(0, budget.reservedBytes());
    refused(Errno.ENOTSUP, "tmpfs-store/1", () -> next.takeOver(renamed(handOver)));
    assertTrue(handOver.channels().get(0).isOpen());
    try (DiffStore after = next.takeOver(handOver)) {
      before.close();
      assertEquals(0, budget.reservedBytes(), "given back once");
      assertEquals(2 * MIB, nextBudget.reservedBytes());
      assertEquals(2 * MIB, after.capacityBytes());
      assertEquals(4 * MIB, after.capacityMaxBytes());
      assertEquals(before.description(), after.description());
      assertEquals(random(4096), read(after, 4096, 4096), "seed " + SEED);
      refused(Errno.ENOSPC, "0 are left", () -> after.grow(3 * MIB));
    }
    assertEquals(0, nextBudget.reservedBytes());
  }

  private static HandOver renamed(HandOver handOver) {
    return new HandOver(
        "file-store/1", handOver.properties(), handOver.channels(), handOver.parts());
  }

  @Test
  void asksTheMachine() {
    List<String> lines = List.of("MemTotal:       16384 kB", "MemAvailable:     12 kB", "Odd:");
    assertEquals(16 * MIB, MachineMemory.value(lines, "MemTotal:", 1));
    assertEquals(12 << 10, MachineMemory.value(lines, "MemAvailable:", 1));
    assertEquals(1, MachineMemory.value(lines, "Odd:", 1));
    assertTrue(MachineMemory.totalBytes() >= MachineMemory.availableBytes());
    assertTrue(MachineMemory.availableBytes() > 0);
  }
}
