package io.sluice.blksnap.diff;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.blksnap.MemoryStore;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.snapshot.MoveProgress;
import io.sluice.snapshot.StoreInfo;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A space of several stores, and its move into one. */
class StoresOfASpaceTest extends SpaceFixture {
  private static final MoveProgress ON = (done, total) -> true;

  /** What the space must hold, byte by byte; 0 where nothing was written. */
  private final byte[] expected = new byte[4 << 20];

  private int lastValue;

  /** Writes a kilobyte into a fresh region, by the way of saves or by that of images. */
  private long write(DiffSpace space, boolean saved) throws ErrnoException {
    byte[] bytes = new byte[KIB];
    Arrays.fill(bytes, (byte) (++lastValue % 127 + 1));
    long at;
    if (saved) {
      at = space.save(ByteBuffer.wrap(bytes), KIB, (unit, data, cause) -> {}, 0);
    } else {
      at = space.allocate(KIB);
      if (at >= 0) {
        space.write(at, ByteBuffer.wrap(bytes));
      }
    }
    if (at >= 0) {
      System.arraycopy(bytes, 0, expected, (int) at, KIB);
    }
    return at;
  }

  private void assertHolds(DiffSpace space) throws ErrnoException {
    byte[] bytes = new byte[KIB];
    for (int at = 0; at < expected.length; at += KIB) {
      if (expected[at] != 0) {
        space.read(at, ByteBuffer.wrap(bytes));
        assertArrayEquals(Arrays.copyOfRange(expected, at, at + KIB), bytes, "at " + at);
      }
    }
  }

  @Test
  void aSecondStoreIsFilledWhenTheFirstIsFull_asFarAsItHadCome() throws Exception {
    MemoryStore first = new MemoryStore(3 * KIB + 100, Long.MAX_VALUE);
    DiffSpace space = space(first, 3 * KIB + 100);
    write(space, false);
    MemoryStore second = new MemoryStore(0, Long.MAX_VALUE);
    space.add(provided(second), 8 * KIB, true);
    for (int i = 0; i < 10; i++) {
      assertTrue(write(space, i % 2 == 0) >= 0, "kilobyte " + i);
    }
    assertEquals(-1, write(space, false), "three and eight");
    runBackground();
    assertHolds(space);
    List<StoreInfo> infos = space.infos();
    assertEquals(
        List.of(3L * KIB + 100, 8L * KIB), infos.stream().map(StoreInfo::limitBytes).toList());
    assertEquals(List.of(3L * KIB, 8L * KIB), infos.stream().map(StoreInfo::filledBytes).toList());
    assertEquals(11 * KIB, space.info().filledBytes());
    assertEquals(List.of(11L * KIB + 100), noSpace, "of the last one alone, and once");
    space.leave();
    assertTrue(first.closed && second.closed);
    assertEquals(List.of(), stores.pins);
  }

  @Test
  void aStoreThatCanNotBeAddedIsLeftOpen_andAllIsAsItWas() throws Exception {
    DiffSpace space = space(new MemoryStore(4 * KIB, 4 * KIB), 4 * KIB);
    MemoryStore above = new MemoryStore(2 * KIB, Long.MAX_VALUE);
    StoreSource.Provided provided = provided(above);
    assertEquals(
        Errno.ENOSPC,
        assertThrows(ErrnoException.class, () -> space.add(provided, KIB, true)).errno());
    assertFalse(above.closed, "it is the caller's");
    assertEquals(1, space.infos().size());
    for (int i = 1; i < DiffSpace.STORE_COUNT_MAX; i++) {
      space.add(provided(new MemoryStore(4 * KIB, 4 * KIB)), 4 * KIB, true);
    }
    StoreSource.Provided oneMore = provided(new MemoryStore(4 * KIB, 4 * KIB));
    assertEquals(
        Errno.EBUSY,
        assertThrows(ErrnoException.class, () -> space.add(oneMore, 4 * KIB, true)).errno());
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void aMoveTakesAllAlong_whateverIsWrittenMeanwhile(long seed) throws Exception {
    Random random = new Random(seed);
    MemoryStore first = new MemoryStore(700 * KIB, 700 * KIB);
    MemoryStore second = new MemoryStore(0, Long.MAX_VALUE);
    DiffSpace space = space(first, Long.MAX_VALUE);
    for (int i = 0; i < 600; i++) {
      write(space, random.nextBoolean());
    }
    space.add(provided(second), 2048 * KIB, false);
    for (int i = 0; i < 300; i++) {
      write(space, random.nextBoolean());
    }
    MemoryStore target = new MemoryStore(0, Long.MAX_VALUE);
    long[] last = {0, 0};
    assertTrue(space.enter());
    space
        .beginMove(provided(target), 4096 * KIB, false)
        .run(
            (done, total) -> {
              assertTrue(done >= last[0] && done <= total, done + " of " + total);
              last[0] = done;
              last[1] = total;
              writeMore(space, random);
              return true;
            });
    space.leave();
    assertEquals(last[1], last[0], "all that there was, and told at the end");
    assertTrue(first.closed && second.closed);
    assertEquals(1, space.infos().size());
    assertHolds(space);
    writeMore(space, random);
    runBackground();
    assertHolds(space);
    space.leave();
    assertTrue(target.closed);
    assertEquals(List.of(), stores.pins);
  }

  private void writeMore(DiffSpace space, Random random) {
    try {
      for (int i = random.nextInt(4); i > 0; i--) {
        write(space, random.nextBoolean());
      }
      if (random.nextInt(3) == 0) {
        runBackground();
      }
      int at = random.nextInt(600) * KIB; // an image's writer changes what it has
      if (expected[at] != 0) {
        rewrite(space, at);
      }
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  /** Only what is in the stores may be written over, not what is on the way. */
  private void rewrite(DiffSpace space, int at) throws ErrnoException {
    if (background.isEmpty() && at < 400 * KIB) {
      byte[] bytes = new byte[KIB];
      Arrays.fill(bytes, (byte) (++lastValue % 127 + 1));
      space.write(at, ByteBuffer.wrap(bytes));
      System.arraycopy(bytes, 0, expected, at, KIB);
    }
  }

  @Test
  void aMoveThatFailsLeavesAllAsItWas() throws Exception {
    MemoryStore first = new MemoryStore(PORTION, Long.MAX_VALUE);
    DiffSpace space = space(first, PORTION);
    for (int i = 0; i < 100; i++) {
      write(space, i % 2 == 0);
    }
    runBackground();
    assertTrue(space.enter());

    assertFails(space, Errno.ECANCELED, new MemoryStore(0, Long.MAX_VALUE), (d, t) -> false);
    MemoryStore bad = new MemoryStore(0, Long.MAX_VALUE);
    bad.failWrite = Errno.EIO;
    assertFails(space, Errno.EIO, bad, ON);
    assertFails(space, Errno.ENOSPC, new MemoryStore(10 * KIB, 10 * KIB), ON);
    first.failRead = Errno.EIO;
    StoreMove unread = space.beginMove(provided(new MemoryStore(0, 1 << 20)), 1 << 20, false);
    assertEquals(Errno.EIO, assertThrows(ErrnoException.class, () -> unread.run(ON)).errno());
    first.failRead = null;
    assertHolds(space);

    StoreMove running = space.beginMove(provided(new MemoryStore(0, 1 << 20)), 1 << 20, false);
    StoreSource.Provided another = provided(new MemoryStore(0, 1 << 20));
    assertEquals(
        Errno.EBUSY,
        assertThrows(ErrnoException.class, () -> space.beginMove(another, 1 << 20, false)).errno());
    assertEquals(
        Errno.EBUSY,
        assertThrows(ErrnoException.class, () -> space.add(another, 1 << 20, false)).errno());
    assertTrue(space.isChanging());
    running.run(ON);
    assertFalse(space.isChanging());
    assertTrue(first.closed);
    assertHolds(space);
  }

  private void assertFails(DiffSpace space, Errno errno, MemoryStore target, MoveProgress progress)
      throws ErrnoException {
    StoreMove move = space.beginMove(provided(target), 1 << 20, false);
    assertEquals(errno, assertThrows(ErrnoException.class, () -> move.run(progress)).errno());
    assertTrue(target.closed, "the new store is let go");
    assertEquals(1, stores.pins.size(), "and its provider");
    assertHolds(space);
    write(space, true);
    write(space, false);
    runBackground();
    assertHolds(space);
  }
}
