package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Saved chunks on their way to the store. */
class WriteBehindTest extends SpaceFixture {
  private final List<String> notStored = new ArrayList<>();

  private final Depositor depositor =
      (unit, data, cause) ->
          notStored.add(unit + ": " + data.remaining() + " of " + data.get(data.position()));

  private long save(DiffSpace space, int lengthBytes, int value) throws ErrnoException {
    byte[] bytes = new byte[lengthBytes];
    Arrays.fill(bytes, (byte) value);
    return space.save(ByteBuffer.wrap(bytes), KIB, depositor, value);
  }

  private static byte[] read(DiffSpace space, long offsetBytes, int lengthBytes)
      throws ErrnoException {
    byte[] bytes = new byte[lengthBytes];
    space.read(offsetBytes, ByteBuffer.wrap(bytes));
    return bytes;
  }

  private static byte[] of(int... kilobytes) {
    byte[] bytes = new byte[kilobytes.length * KIB];
    for (int i = 0; i < kilobytes.length; i++) {
      Arrays.fill(bytes, i * KIB, (i + 1) * KIB, (byte) kilobytes[i]);
    }
    return bytes;
  }

  @Test
  void whatIsSavedIsReadFromMemory_andFromTheStoreOnceItIsThere() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, PORTION);
    for (int i = 1; i <= 5; i++) {
      assertEquals((i - 1) * (long) KIB, save(space, KIB, i));
    }
    assertArrayEquals(of(1, 2, 3, 4, 5), read(space, 0, 5 * KIB));
    assertEquals(0, store.writeCount, "nobody has waited for the store");
    assertEquals(5 * KIB, space.info().filledBytes(), "without what the open batch has left");
    runBackground();
    assertEquals(1, store.writeCount, "four chunks in one write; the fifth waits for company");
    assertArrayEquals(of(1, 2, 3, 4, 5), read(space, 0, 5 * KIB));
    assertArrayEquals(of(3, 4, 5), read(space, 2 * KIB, 3 * KIB), "from both at once");
  }

  @Test
  void aRunTakesWhatABatchHasRoomFor_andAShortUnitGetsItsFullRoom() throws Exception {
    DiffSpace space = space(new MemoryStore(PORTION, Long.MAX_VALUE), PORTION);
    save(space, KIB, 1);
    ByteBuffer run = ByteBuffer.wrap(of(2, 2, 2, 2, 2)).limit(4 * KIB + 10);
    assertEquals(KIB, space.save(run, KIB, depositor, 2));
    assertEquals(3 * KIB, run.position());
    assertEquals(4 * KIB, space.save(run, KIB, depositor, 2));
    assertEquals(4 * KIB + 10, run.position());
    assertEquals(6 * KIB, save(space, KIB, 3));
    assertArrayEquals(new byte[] {2, 2, 0, 0}, read(space, 5 * KIB + 8, 4), "zeroes behind it");
  }

  @Test
  void aStoreThatHangsKeepsAWriterOnlyForItsLimit_andTheNextNotAtAll() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, PORTION);
    hangs = true;
    for (int i = 0; i < BatchBuffers.COUNT_MAX * 4; i++) {
      save(space, KIB, i);
    }
    for (int i = 0; i < 2; i++) {
      ErrnoException e = assertThrows(ErrnoException.class, () -> save(space, KIB, 99));
      assertEquals(Errno.ETIMEDOUT, e.errno());
      assertTrue(e.getMessage().contains("1000 ms"), e.getMessage());
    }
    assertArrayEquals(of(0, 1, 2), read(space, 0, 3 * KIB), "what it has is read");
    hangs = false;
    runBackground();
    assertEquals(16 * KIB, save(space, KIB, 16), "and it goes on when the store does");
    assertArrayEquals(of(15, 16), read(space, 15 * KIB, 2 * KIB));
  }

  @Test
  void aBatchThatCanNotBeStoredIsOfferedBack_andNothingElseIsReadInItsPlace() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, PORTION);
    save(space, 4 * KIB, 1);
    runBackground();
    store.failWrite = Errno.EIO;
    save(space, 2 * KIB, 2);
    save(space, KIB, 3);
    save(space, KIB, 4);
    assertArrayEquals(of(1, 2, 2, 3, 4), read(space, 3 * KIB, 5 * KIB), "still there");
    runBackground();
    assertEquals(List.of("2: 2048 of 2", "3: 1024 of 3", "4: 1024 of 4"), notStored);
    for (int kib = 4; kib < 8; kib++) {
      long at = kib * (long) KIB;
      assertEquals(Errno.EIO, assertThrows(ErrnoException.class, () -> read(space, at, 8)).errno());
    }
    assertEquals(
        Errno.EIO, assertThrows(ErrnoException.class, () -> read(space, 0, 5 * KIB)).errno());
    store.failWrite = null;
    assertEquals(8 * KIB, save(space, 4 * KIB, 5));
    runBackground();
    assertArrayEquals(of(5, 5, 5, 5), read(space, 8 * KIB, 4 * KIB));
    assertArrayEquals(of(1, 1, 1, 1), read(space, 0, 4 * KIB));
  }

  @Test
  void aDepositorThatThrowsKeepsNoOtherFromHearing() throws Exception {
    MemoryStore store = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(store, PORTION);
    store.failWrite = Errno.EIO;
    space.save(
        ByteBuffer.wrap(of(1)),
        KIB,
        (unit, data, cause) -> {
          throw new IllegalStateException("deaf");
        },
        1);
    save(space, 3 * KIB, 2);
    runBackground();
    assertEquals(List.of("2: 3072 of 2"), notStored);
    assertEquals(List.of(Errno.EFAULT), failures, "and it is in the log");
  }

  @Test
  void theEndOfTheSpaceIsUsedToTheLastUnit_whateverABatchHadOfIt() throws Exception {
    DiffSpace space = space(new MemoryStore(6 * KIB, 6 * KIB), 6 * KIB);
    save(space, KIB, 1);
    long direct = space.allocate(KIB);
    assertEquals(4 * KIB, direct, "the batch has four");
    assertEquals(5 * KIB, space.allocate(KIB));
    long last = space.allocate(KIB);
    assertEquals(KIB, last, "what the batch does not use");
    assertEquals(2 * KIB, save(space, KIB, 3), "and the rest is for saves");
    assertEquals(3 * KIB, save(space, KIB, 4));
    assertEquals(-1, save(space, KIB, 5));
    assertEquals(6 * KIB, space.info().filledBytes());
  }

  @Test
  void eachOpenStoreHasItsShareOfTheMemory_andTooManyAreRefused() throws Exception {
    List<DiffSpace> spaces = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      spaces.add(space(new MemoryStore(PORTION, PORTION), PORTION));
    }
    MemoryStore fifth = new MemoryStore(PORTION, PORTION);
    assertEquals(
        Errno.ENOMEM, assertThrows(ErrnoException.class, () -> space(fifth, PORTION)).errno());
    hangs = true;
    for (DiffSpace space : spaces) {
      save(space, 4 * KIB, 1);
      save(space, 4 * KIB, 1);
      assertThrows(ErrnoException.class, () -> save(space, KIB, 1), "the shares are all there is");
    }
    hangs = false;
    runBackground();
    for (DiffSpace space : spaces) {
      space.leave();
    }
    assertEquals(0, batches.storeCount());
    space(fifth, PORTION);
  }
}
